"""Kinds of pairs of answers, each with cases of its own: what is one answer and what is not."""

from __future__ import annotations

import pytest

from ttcli.answers import equivalent

EQUAL: dict[str, list[tuple[str, ...]]] = {
    "intervals": [
        ("(1, 4)", "1 < x < 4", "4 > x > 1", r"\{x \mid 1<x<4\}", r"x \in (1,4)", "]1,4["),
        ("[2,\\infty)", r"x \ge 2", r"2 \leq x", "x >= 2", r"[2, +\infty)", "[2, ∞)", r"\{t : t \geqslant 2\}"),
        (r"(-\infty,0)\cup(1,\infty)", r"(1,\infty) \cup (-\infty,0)", "x<0 or x>1", r"x<0\text{ or }x>1", "(-oo,0) U (1,oo)"),
        (r"(-\infty,5)\cup(5,\infty)", r"x \neq 5", "x ≠ 5", r"\mathbb{R}\setminus\{5\}", r"\mathbb{R} \backslash \{5\}"),
        (r"(-\infty,\infty)", r"\mathbb{R}", r"\text{all real numbers}", "ℝ", r"x \in \mathbb{R}"),
        (r"[-\sqrt{2},\sqrt{2}]", r"-\sqrt2 \le x \le \sqrt2"),
    ],
    "lists": [
        ("2, 7", "7, 2", "2; 7", "2 and 7", r"\{7, 2\}", r"x = 2, 7", r"x=2 \text{ or } x=7", r"2\text{ and }7"),
        ("1, 2, 3", "3, 2 and 1", "1, 2, and 3", "{1,2,3}"),
        ("(1,2),(3,4)", "(3,4), (1,2)", "(3,4) and (1,2)"),
        ("30, 60", r"30^\circ, 60^\circ", "30° and 60°"),
        ("B, D", "B and D", "(B), (D)", "B、D"),
    ],
    "plus-minus": [
        (r"\pm 5", "5, -5", "-5 and 5", r"x = \pm 5", "±5", r"\{5,-5\}", "+/-5"),
        (r"2 \pm \sqrt{3}", r"2+\sqrt3, 2-\sqrt3", "2 ± √3"),
        (r"\frac{1\pm\sqrt{5}}{2}", r"\frac{1}{2} \pm \frac{\sqrt{5}}{2}", r"\frac{1+\sqrt{5}}{2}, \frac{1-\sqrt{5}}{2}"),
        (r"(3, \pm 4)", "(3,4), (3,-4)"),
        (r"\frac{-b\pm\sqrt{b^2-4ac}}{2a}", r"\frac{-b+\sqrt{b^2-4ac}}{2a},\frac{-b-\sqrt{b^2-4ac}}{2a}"),
    ],
    "equations": [
        ("2x+3y=6", "4x+6y=12", "6-2x-3y=0"),
        ("y=x^2-4x+4", "y=(x-2)^2", "(x-2)^2"),
        ("x^2+y^2=4", "y^2 = 4-x^2", r"\frac{x^2}{4}+\frac{y^2}{4}=1"),
    ],
    "chains and names": [
        ("17", "8+9=17", "x=17", "17 = x", "f(3)=17", r"5+12 = 17\text{ cm}", "a+b = 9+8 = 17", r"\angle ABC = 17^\circ", "BC = 17"),
        ("12", r"\text{Area} = 3 \times 4 = 12", "Area = 12", r"\text{Area: }12", "S_5 = 12", r"a_{10} = 12", r"|\vec{v}| = 12"),
        ("7", r"\max f(x) = 7", r"x_{\min} = 7", r"\mu = 7", "n = 7", "f'(0) = 7", "P(2) = 7"),
        (r"2\sqrt2", r"\sqrt{8} = 2\sqrt{2}", r"x = \sqrt{8}"),
        ("3x^2", "f'(x) = 3x^2", "y' = 3x^2", r"\frac{dy}{dx} = 3x^2"),
    ],
    "options": [
        ("B", "(B)", "B.", "B)", r"\text{B}", r"\textbf{(B)}", r"\mathrm{(B)}", "Option B", "choice B", "B: 17", "(B) seven", r"\textbf{(B) } 17", r"\boxed{B}", "**B**"),
        ("D", "D. the mitochondrion", r"\text{(D)}\ 3", "answer D", r"\text{Option D}"),
    ],
    "percent": [("25\\%", "25", "25%", "25 percent", r"25\,\%", "25 per cent", "25％")],
    "units": [
        ("40", "40 km", "40 km/h", r"40\text{ km/h}", r"40 \mathrm{~km/h}", "40 kilometers per hour", r"40\,\frac{\text{km}}{\text{h}}"),
        ("3", r"3\text{ kg}", r"3\,\mathrm{kg\,m^{-3}}", r"3\ \mathrm{J\cdot s}", "3 Pa", "3 kΩ", "3 mol/L", r"3\text{ N m}", "3 kg·m/s", "3 μs", "3 square feet", "3 cubic meters"),
        ("14", "14 apples", "14 (dollars)", r"14\text{ (units)}", "14 more marbles", "14 red balls", r"14 \text{ days}", "14 people"),
        (r"5\pi", r"5\pi\text{ cm}", r"5 \pi \text{ square inches}", "5π cm²"),
        (r"\frac{3}{4}", r"\frac{3}{4}\text{ hour}", "3/4 of an hour", r"\frac34 \text{ mile}"),
        (r"6\sqrt{2}", r"6\sqrt{2} \text{ units}", "6√2 cm"),
        ("36", "3 dozen", "3 dozens", "three dozen eggs"),
        ("2 hours 15 minutes", r"2\text{ hours }15\text{ minutes}", "2 hours and 15 minutes", "2 hrs 15 min", "2 hours, 15 minutes"),
        ("6 feet 2 inches", r"6\text{ ft }2\text{ in}", "6 ft. 2 in."),
    ],
    "ordinals": [("3", "3rd", r"3^{\text{rd}}", r"3^{rd}", r"3\text{rd}"), ("21", "21st", r"21^\text{st}"), ("100", "100th")],
    "constants": [
        (r"3\mathrm{e}", "3e", r"3\text{e}"),
        (r"\mathrm{e}^2", "e^2"),
        (r"4-3\mathrm{i}", "4-3i", "4 - 3i", r"4-3\text{i}"),
        (r"\mathbf{i}-2\mathbf{k}", r"\vec{i}-2\vec{k}", r"\hat{i} - 2\hat{k}", r"\hat{\mathbf{i}}-2\hat{\mathbf{k}}", r"\hat{\imath} - 2\hat{k}"),
    ],
    "times of day": [
        ("4:15 p.m.", r"4:15\text{ p.m.}", "4:15 PM", "4:15pm", r"4:15 \text{ PM}", "4:15 P.M.", "16:15"),
        ("9 a.m.", "9:00 AM", "9 AM", r"9\text{ a.m.}", "9:00 a.m."),
        ("noon", "12:00 PM", "12 noon"),
    ],
    "bases": [("315_6", "315_{6}", r"315_{\text{six}}", "315₆", r"315_\text{six}"), ("3F_{16}", "3f_{16}")],
    "mixed numbers": [(r"2\frac{3}{4}", r"\frac{11}{4}", "2.75", "2 3/4", "2¾", r"2 \tfrac{3}{4}", r"2\;\frac34", "2 and 3/4", "11/4")],
    "scientific": [
        (r"3 \times 10^8", "300000000", "3e8", "3 x 10^8", "3*10^8", "3×10⁸", r"3\cdot 10^{8}", "3E+08", "3*10**8"),
        (r"4.5\times10^{-2}", "0.045", "4.5e-2", r"4.5 \times {10}^{-2}"),
    ],
    "thousands": [
        ("2500000", "2,500,000", r"2{,}500{,}000", r"2\,500\,000", r"2\ 500\ 000", "2\u202f500\u202f000", "2\u2009500\u2009000", "2.5 million", "$2.5 million", "2 500 000"),
    ],
    "fractions": [
        ("5/8", r"\frac58", r"\dfrac{5}{8}", r"\tfrac{5}{8}", r"\frac{5}8", "0.625", "{5}/{8}", r"5 \div 8", "5 ÷ 8", "⅝", "(5/8)", r"\frac{10}{16}", r"{\frac{5}{8}}", r"\left(\frac58\right)"),
        ("-2/3", r"-\frac{2}{3}", r"\frac{-2}{3}", r"\frac{2}{-3}", "−2/3", r"{-\frac{2}{3}}"),
    ],
    "currency": [("45", r"\$45", "$45.00", "45 dollars", r"\text{\$}45", "€45", "45€", "45 euros", "£45", "US$45", "USD 45", "45 USD", "¥45", "₹45", r"45\$"), ("75", "75¢", "75 cents")],
    "minus": [("-8", "−8", "–8", "- 8", r"\text{-}8", "minus 8", "negative eight", r"{-8}")],
    "matrices": [
        (r"\begin{pmatrix}1&0\\0&2\end{pmatrix}", r"\begin{bmatrix} 1 & 0 \\ 0 & 2 \end{bmatrix}", r"\left(\begin{array}{cc}1&0\\0&2\end{array}\right)", r"\begin{pmatrix}1&0\\0&\frac{4}{2}\end{pmatrix}", "[[1,0],[0,2]]", r"A = \begin{pmatrix}1&0\\0&2\end{pmatrix}"),
        (r"\begin{pmatrix}4\\-1\end{pmatrix}", "(4,-1)", r"\langle 4,-1\rangle", r"\begin{bmatrix}4\\-1\\\end{bmatrix}"),
    ],
    "named tuples": [("x=3, y=4", "x=3; y=4", r"x=3 \text{ and } y=4", "y=4, x=3", "(3,4)", "x = 3 and y = 4", "(x,y)=(3,4)")],
    "approximations": [("2.72", r"\approx 2.72", r"x \approx 2.72", "≈2.72", "about 2.72", "approximately 2.72", "2.720", "roughly 2.72", r"\text{approximately } 2.72")],
    "repeating decimals": [
        (r"\frac{5}{11}", r"0.\overline{45}", r"0.\dot{4}\dot{5}", "0.454545...", r"0.4545\ldots", "0.(45)", r"0.\bar{45}"),
        (r"\frac{1}{6}", r"0.1\overline{6}", r"0.1\dot6", "0.1666..."),
        (r"2\frac{1}{3}", r"2.\overline{3}"),
    ],
    "no answer": [
        (r"\emptyset", r"\varnothing", "∅", r"\{\}", r"\{ \}", r"\text{no solution}", "no solutions", "There is no solution.", "No real solutions"),
        ("DNE", r"\text{DNE}", "does not exist", r"\text{Does not exist}", "The limit does not exist."),
        (r"\infty", "infinity", "∞", r"+\infty", "+∞", r"\text{infinity}"),
        ("undefined", r"\text{undefined}", "Undefined."),
        ("infinitely many", "infinitely many solutions", "There are infinitely many solutions"),
    ],
    "number words": [("7", "seven", "Seven", r"\text{seven}", "seven apples"), ("45", "forty-five", "forty five"), ("2/3", "two thirds", "two-thirds"), ("130", "one hundred thirty", "one hundred and thirty"), ("1/4", "one quarter", "one fourth", "a quarter"), ("2500", "two thousand five hundred"), ("1/2", "half", "one-half", "a half")],
    "degrees": [("60^\\circ", "60°", "60", "60 degrees", r"60^{\circ}", r"60\degree", "60˚", r"60\text{ degrees}", r"60 ^ \circ", r"60^\circ\text{C}", "60 °F", "60℃")],
    "trigonometry of degrees": [(r"\sin 30^\circ", r"\frac12", r"\cos 60^{\circ}"), (r"\tan 60^\circ", r"\sqrt{3}", "tan(60°)")],
    "ratios": [("2:5", "2 : 5", r"2 \text{ to } 5", "2 to 5", "4 : 10", r"2\colon5"), ("1:2:3", "1 : 2 : 3", "2:4:6")],
    "other scripts": [("48", "４８", "48 元", "48米", "48平方米", r"\text{48 个}", r"48\text{ 千克}", "x＝48", "48 руб", "48 mètres", "48 años"), ("(3,4)", "（3，4）", "（3,4）"), ("3, 4", "3，4", "3；4", "3、4")],
    "plain text": [
        (r"3\sqrt{5}", "3*sqrt(5)", "3sqrt(5)", "3 sqrt 5", "3√5", r"3 \cdot \sqrt{5}", "sqrt(45)", "3*5^(1/2)", "3*5**0.5", "3√(5)"),
        (r"\frac{x+1}{x-1}", "(x+1)/(x-1)", "(1+x)/(x-1)"),
        (r"\frac{\pi}{6}", "pi/6", "π/6", r"\pi/6", "(1/6)pi"),
        (r"\ln 2", "ln(2)", "ln 2", r"\log_e 2", r"\frac{\ln 4}{2}"),
        (r"\frac{n(n-1)}{2}", "n(n-1)/2", "n*(n-1)/2", r"\frac{n^2-n}{2}", r"\frac12 n (n-1)"),
        ("e^{2x}", "exp(2x)", "e^(2x)", r"\exp(2x)", r"(e^x)^2"),
        ("|x-1|", "abs(x-1)", r"\lvert x-1 \rvert", r"\left|x-1\right|"),
        (r"\arctan x", "arctan(x)", "atan(x)", r"\tan^{-1} x", r"\tan^{-1}(x)"),
        (r"\sin^2 x", "sin(x)^2", "sin^2(x)", r"1-\cos^2 x", r"(\sin x)^2"),
        (r"x^{3}y^2", "x³y²", "x^3*y^2", "y^2x^3"),
        ("81", "3**4", "3^4", "3⁴"),
    ],
    "complex": [("-4", "(2i)^2", "4i^2"), ("1+i", r"\sqrt2 e^{i\pi/4}", "i+1"), ("10", "(3+i)(3-i)"), (r"\frac{1}{2}-\frac{1}{2}i", r"\frac{1}{1+i}", r"\frac{1-i}{2}")],
    "algebra": [("x^2-1", "(x-1)(x+1)", "(x+1)(x-1)"), (r"\sqrt{50}", r"5\sqrt{2}"), ("2^{100}", r"4^{50}"), (r"\frac{1}{\sqrt{2}}", r"\frac{\sqrt2}{2}"), (r"\log_3 9", "2"), ("6!", "720"), (r"\binom{6}{2}", "15"), (r"a^{-1}", r"\frac1a"), (r"\sqrt[3]{16}", r"2\sqrt[3]{2}"), (r"x\sqrt{x}", "x^{3/2}"), ("10^{-30}", r"\frac{1}{10^{30}}")],
    "qualifiers": [
        ("n^2", r"n^2 \text{ for all } n", r"n^2, \text{ where } n \in \mathbb{N}", r"n^2 \text{ for every positive integer } n", r"f(n) = n^2"),
        (r"\frac{1}{4}", r"\frac{1}{4} \text{ (or 0.25)}", r"\frac14 = 0.25", r"\frac14"),
        (r"2\pi k", r"2\pi k, k\in\mathbb{Z}", r"2\pi k, \text{ where } k \in \mathbb{Z}", r"2\pi k \quad (k \in \mathbb{Z})", r"x = 2\pi k, \ k \in \mathbb{Z}", r"2k\pi", r"2\pi k \text{ where } k \text{ is an integer}"),
        ("4", r"\text{only } 4", "exactly 4", r"x = 4 \text{ (since } x>0)", "just 4"),
    ],
    "styling": [("15", r"\color{blue}{15}", r"\textcolor{red}{15}", r"\large{15}", r"\Large 15", r"\mathbf{15}", r"\boldsymbol{15}", r"\bm{15}", "**15**", "*15*", "`15`", r"\displaystyle 15", r"{\bf 15}", r"\underline{15}", "{{15}}", r"\fbox{15}", "$15$", r"\(15\)", r"\[15\]", "$$15$$", r"\text{15}", r"\textbf{15}", "15.", r"\mathrm{15}")],
    "sentences": [("92", "The answer is 92", r"\text{The final answer is } 92", "Answer: 92", r"\text{Total: } 92", "The total cost: $92", "Final answer: 92")],
    "words": [("circle", "a circle", "Circle", "the circle", r"\text{circle}", r"\text{A circle.}", "circles", '"circle"'), ("William Shakespeare", "william shakespeare", r"\text{William Shakespeare}"), ("Tuesday", r"\text{Tuesday}", "tuesday."), ("\\text{red and blue}", "blue, red"), ("true", r"\text{True}", "TRUE")],
}  # fmt: skip

DIFFERENT: dict[str, list[tuple[str, ...]]] = {
    "intervals": [("(1,4)", "[1,4]", "[1,4)", "(1,4]", r"1 \le x \le 4", r"1 < x \le 4"), ("x<2", "x>2", r"x \le 2", "2", r"(-\infty,2]"), (r"(-\infty,5)\cup(5,\infty)", r"\mathbb{R}", r"(-\infty,5]\cup(5,\infty)", "x=5"), (r"\{x \mid x>1\}", r"\{x \mid x<1\}", r"\{1\}"), ("[0,1]", r"\{0,1\}", "0,1")],
    "lists": [("4,6", "4", "4,6,8", "4,7", "(4,6)"), ("1,2", "2,3"), (r"1,2,\ldots,n", r"1,3,\ldots,n", r"1, 4, 9, \ldots, n^2"), ("n=1,2", "n=2,3"), ("A, B", "A", "A, B, C")],
    "plus-minus": [(r"\pm 7", "7", "-7", r"\pm 8"), (r"1\pm\sqrt2", r"1+\sqrt2", r"1\pm\sqrt3", r"2\pm\sqrt2"), (r"\pm 1, \pm 3", "1, 3", r"\pm 1")],
    "tiny differences": [(r"2^{-80}", r"2^{-81}", "0"), (r"\frac{1}{30!}", r"\frac{1}{29!}"), (r"10^{-50}", r"10^{-60}"), (r"1-\frac{1}{10^{40}}", "1", r"1+\frac{1}{10^{40}}"), (r"1-e^{-100}", "1"), (r"\sqrt{12345678901234567891}", r"\sqrt{12345678901234567890}")],
    "equations": [("x^2+2=0", "x^2+3=0", "x^2+x+3=0"), ("x-y=1", "x+y=1", "x-y=2"), ("y=2x+1", "y=2x-1", "y=3x+1"), ("x+y=10", "10", "x+y"), ("x^2+y^2=9", "9", "x^2+y^2=3"), ("3a+b=7", "7", "3a+b"), (r"x^2+y^2=-1", r"x^2+y^2=-2")],
    "chains": [("6+7=13", "6+7=14", "14", "6+7=12"), ("12", "5+6=12", "5+6=11", "5+7=13"), (r"\frac{8}{2}=4", r"\frac{8}{2}=5"), ("9", "x>9", "x<9", r"x \ne 9", "x^3=9", "3x=9")],
    "letters": [("ABC", "CBA", "BCA"), ("DEF", "FED"), ("on", "no"), ("cos", "soc"), (r"\angle PQR", r"\angle QPR"), ("x+Z", "x+z"), (r"\sigma", r"\Sigma"), (r"\phi", r"\Phi"), ("B", "C", "(A)"), ("AB+CD", "AC+BD"), (r"AB\cdot CD", r"AC\cdot BD")],
    "upright letters": [(r"5\mathrm{e}", "5"), (r"5\mathrm{i}", "5"), (r"4\mathbf{b}", "4"), (r"\mathbf{i}+\mathbf{j}", r"\mathbf{i}+1", r"\mathbf{i}-\mathbf{j}"), (r"\sqrt{3}\mathrm{i}", r"\sqrt{3}"), (r"1+2\mathrm{i}", "3", "1+2", r"1-2\mathrm{i}"), (r"3\mathrm{e}^{2}", "3"), (r"2\hat{x}", "2")],
    "units": [("9 (apples)", "8 (apples)", "8"), ("2 hours 15 minutes", "2 hours 45 minutes", "3 hours 15 minutes", "2", "17"), (r"4\text{ cm}", r"5\text{ cm}"), ("3x", "3"), ("5 squared", "5"), ("3 halves", "3"), ("5 million", "5")],
    "times": [("5:20 p.m.", "5:20 a.m.", "5:30 p.m.", "520"), ("4:20", "2:10", r"\frac{4}{20}", "1/5"), ("9:45", "3:15", "9.75"), ("11:00", "1:00"), ("noon", "midnight")],
    "bases": [("43_5", "43_6", "43_{10}", "34_5"), ("110_2", "110_3", "101_2"), ("21_3", r"21_{\text{four}}")],
    "numbers": [(r"3\frac{1}{2}", r"\frac{1}{2}", r"\frac32", r"3\frac13"), (r"\frac{1}{7}", "0.142857", "0.14"), (r"\sqrt{3}", "1.732", "1.73", "3"), (r"0.\overline{27}", "0.27", r"0.\overline{72}", r"\frac{27}{100}"), ("1.5", "1.50001"), (r"\pi", "3.14", r"\frac{22}{7}"), ("100000000000000000001", "100000000000000000000"), ("10^{100}", "10^{101}"), ("5", "-5", "50")],
    "gamma and other Greek": [(r"\gamma+1", r"\gamma+2"), (r"\beta^2-1", r"\beta^2-9"), (r"\Gamma+3", r"\gamma+3"), (r"(\gamma^2-1)\sin\theta", r"(\gamma^2-2)\sin\theta"), (r"\zeta", "0"), (r"\psi_1", r"\psi_2")],
    "brackets": [("(3,5)", "(5,3)", "{3,5}", "[3,5]", "3,5"), (r"(2,\sqrt3)", r"(\sqrt3,2)", r"[2,\sqrt3]", r"2,\sqrt3", r"\{2,\sqrt3\}"), ("(5,6)", "x=6, y=5"), (r"\begin{pmatrix}1\\3\end{pmatrix}", r"\begin{pmatrix}3\\1\end{pmatrix}", r"\begin{pmatrix}1&3\end{pmatrix}"), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2\\3&5\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}")],
    "primes and bars": [("y'", "y", "y''"), ("f'(x)", "f(x)"), (r"\bar{x}", "x"), ("A^T", "A"), (r"A^{-1}", "A"), (r"\overline{w}", "w"), ("f(x)", "g(x)"), ("x_1", "x_2", "x"), (r"\vec{v}", "v"), ("f(g(x))", "g(f(x))")],
    "complex": [("3i", "-3i", "3"), ("2+5i", "2-5i", "7"), ("i", "-i", "1")],
    "expressions": [("x^2", "x^3", "2x"), (r"\sqrt{x^2}", "x"), ("|x|", "x"), (r"\sin x", r"\cos x", "sin(2x)"), ("2n", "2N"), ("2^n", "n^2"), (r"\log_2 x", r"\log_3 x"), ("10^{10^{10}}", "10^{10^{11}}", "10^{10}"), (r"\frac{a}{b}", r"\frac{b}{a}"), ("-x^2", "(-x)^2")],
    "words": [("Alice", "Bob"), ("Yes", "No"), ("true", "false"), (r"\text{Paris}", "London"), ("no solution", "infinitely many solutions"), ("DNE", "0"), (r"\emptyset", "0", r"\{0\}"), (r"\infty", r"-\infty"), ("odd", "even")],
    "numbers and words": [("3:4", "4:3"), ("2:3", "2:4"), ("three", "four"), ("3rd", "4th"), ("twenty-one", "twelve"), ("C", "D. carbon")],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "same"), [(kind, group) for kind, groups in EQUAL.items() for group in groups])
def test_spellings_of_one_answer_are_one_class(kind: str, same: tuple[str, ...]) -> None:
    apart = [(a, b) for a in same for b in same if not equivalent(a, b)]
    assert apart == []


@pytest.mark.parametrize(("kind", "others"), [(kind, group) for kind, groups in DIFFERENT.items() for group in groups])
def test_other_answers_are_other_classes(kind: str, others: tuple[str, ...]) -> None:
    first, *rest = others
    assert [other for other in rest if equivalent(first, other) or equivalent(other, first)] == []
