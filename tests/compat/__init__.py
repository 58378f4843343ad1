"""Files that ttc 0.1.0 (commit 071fc67) wrote before its modules were moved, and tests that today's ttc reads them.

Whoever has a store, a profile, a head or a record from then keeps them: no later ttc may read them otherwise, or
write the same things under other names. So neither `files/` nor `expected/` is ever made anew, and the tests know
nothing of ttc but its command line. The exception are tables for people, which were laid out anew in 0.2: the list of
runs folds its methods, and a difference stands beside the p of all draws. What they say of the files is as it was.

`files/` came about so, in a folder of its own with `TTC_HOME` below it (`profiles/` and `speeds.json` were there).
`M` stands for `-m scripted:script.json`, `S` for `--store runs.sqlite3 -q`, `R` for `-m smollm2-135m --threads 2
--width 8`; the data sets and the script were made by hand:

    ttc bench data.jsonl M --method majority --method best-of-n --method best-of-n-plain --method greedy
        --verifier scripted --verifier confidence:weakest --budget 4,8 S                               # 9b653d1f
    ttc bench data.jsonl M --seed 1 --method majority --method best-of-n --verifier scripted --budget 4 S  # 1093649c
    ttc bench data.jsonl M --limit 1 --method beam --method lookahead:k=1,m=2 --method dvts --method rebase
        --method particles --method revise:ratio=4 --method search-revise --method adaptive --verifier scripted
        --budget 4 S                                                                                   # 03c55981
    ttc bench failing.jsonl M --method majority --method beam --verifier scripted --budget 4 S         # e94f56ef
    ttc calibrate dev.jsonl M --verifier scripted --budget 8 -o mine --store calib.sqlite3 -q --method majority
        --method beam
    ttc profile use mine
    ttc bench advised.jsonl M --method auto --method majority --profile mine --budget 8 S              # 95d1d71c
    ttc bench data.jsonl M --limit 4 --method majority --budget 4/problem --profile mine S             # 2c8a4174
    ttc train verifier sums.jsonl R --solutions solutions.jsonl --rollouts 1 --max-tokens 32
        --store trained.sqlite3 -o ./head.safetensors --json -q                                        # 0e48483a
    ttc bench sums.jsonl R --limit 2 --method majority --method best-of-n --method beam:m=2 --method revise
        --verifier head:./head.safetensors --verifier confidence --max-tokens 40 --budget 4 --store trained.sqlite3
        --json -q                                                                                      # 783c2525
    ttc models tune smollm2-135m --threads 1
    ttc solve "A shop has 1 boxes ..." M --method majority -b 4 --json -q > vote.json
    ttc solve "A shop has 1 boxes ..." M --method beam --verifier scripted -b 8 --json -q > tree.json
    ttc solve "A shop has 1 boxes ..." M --method revise --verifier scripted -b 4 --json -q > revised.json
    ttc solve "How many legs have 1 tables, by the table?" M --method auto --profile mine -b 8 --json -q > advised.json

To keep it small, all states but those of the head's layer were then deleted from `trained.sqlite3`, and of the
solutions that were given all but the first four's; both stores were vacuumed.

`expected/` is what ttc printed when it read these files then: exit code, stdout, stderr.
"""
