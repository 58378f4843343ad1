"""The only rooms that know llama.cpp: weights, KV cells, batches, sampling, chat templates."""
