"""The LaTeX of the lessons as MathML, which browsers draw without a script and without the network.

Only what lessons use is known here. Anything else is shown as its LaTeX source: readable, and never wrong.
"""

from __future__ import annotations

import re
from html import escape

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)

LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "ϕ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ",
    "Omega": "Ω", "ell": "ℓ", "infty": "∞", "partial": "∂", "nabla": "∇", "emptyset": "∅",
}
OPERATORS = {
    "times": "×", "cdot": "⋅", "pm": "±", "mp": "∓", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠",
    "neq": "≠", "ll": "≪", "gg": "≫", "approx": "≈", "equiv": "≡", "sim": "∼", "propto": "∝", "in": "∈", "notin": "∉",
    "subset": "⊂", "cup": "∪", "cap": "∩", "to": "→", "rightarrow": "→", "leftarrow": "←", "mapsto": "↦",
    "Rightarrow": "⇒", "odot": "⊙", "oplus": "⊕", "otimes": "⊗", "circ": "∘", "ast": "∗", "star": "⋆", "top": "⊤",
    "forall": "∀", "exists": "∃", "ldots": "…", "dots": "…", "cdots": "⋯", "vdots": "⋮", "ddots": "⋱", "mid": "∣",
    "setminus": "∖", "colon": ":", "&": "&", "%": "%", "#": "#", "$": "$", "_": "_",
}
FENCES = {
    "lvert": "|", "rvert": "|", "vert": "|", "lVert": "‖", "rVert": "‖", "Vert": "‖", "|": "‖", "{": "{", "}": "}",
    "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "lbrace": "{",
    "rbrace": "}",
}
LARGE = {"sum": "∑", "prod": "∏", "int": "∫", "bigcup": "⋃", "bigcap": "⋂"}
LIMITS = {
    "max": "max", "min": "min", "argmax": "arg max", "argmin": "arg min", "lim": "lim", "sup": "sup", "inf": "inf",
}
NAMES = ("ln", "log", "exp", "sin", "cos", "tan", "det", "Pr")
SPACES = {",": 0.17, ":": 0.22, ";": 0.28, "!": -0.17, "quad": 1.0, "qquad": 2.0, " ": 0.25}
ACCENTS = {
    "bar": "¯", "hat": "^", "tilde": "~", "vec": "→", "dot": "˙", "overline": "¯", "widehat": "^", "widetilde": "~",
}
SIZES = {"big": 1.2, "bigl": 1.2, "bigr": 1.2, "Big": 1.8, "Bigl": 1.8, "Bigr": 1.8, "bigg": 2.4, "Bigg": 3.0}
# class of the table
MATRICES = {"matrix": "plain", "pmatrix": "round", "bmatrix": "square", "vmatrix": "bars", "cases": "lines"}
ALIGNED = ("aligned", "align", "align*", "split", "gather", "gather*", "equation", "equation*")
FONTS = {       # first capital, first small letter, first digit; letters that Unicode keeps elsewhere
    "mathbf": (0x1D400, 0x1D41A, 0x1D7CE, {}),
    "boldsymbol": (0x1D400, 0x1D41A, 0x1D7CE, {}),
    "mathcal": (0x1D49C, 0x1D4B6, 0, dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True))),
    "mathbb": (0x1D538, 0x1D552, 0x1D7D8, dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))),
}


def mathml(tex: str, display: bool = False) -> str:
    """A formula as one `<math>` element that carries its source; what is not understood, as the source itself."""
    source = tex.strip()
    try:
        content = _Reader(source).row(None)
    except (ValueError, IndexError, RecursionError):
        return f'<code class="tex">{escape(source)}</code>'
    style = ' display="block"' if display else ""
    note = f'<annotation encoding="application/x-tex">{escape(source)}</annotation>'
    return f"<math{style}><semantics><mrow>{content}</mrow>{note}</semantics></math>"


class _Reader:
    """Recursive descent over tokens; each method returns MathML.

    An unknown word raises ValueError, a missing brace IndexError.
    """

    def __init__(self, tex: str) -> None:
        self.tokens = TOKEN.findall(tex)
        self.at = 0

    def row(self, stop: str | None) -> str:
        """Everything up to the token `stop`, which is taken too; None: to the end."""
        parts = []
        while (token := self.peek()) != stop:
            if token is None:
                raise IndexError(stop)
            parts.append(self.scripted())
        self.at += stop is not None
        return "".join(parts)

    def scripted(self) -> str:
        """An atom with what is written below and above it."""
        large = self.tokens[self.at][1:] in LARGE | LIMITS and self.tokens[self.at][0] == "\\"
        base, below, above = self.atom(), None, None
        while (mark := self.peek()) in ("_", "^", "'"):
            self.at += 1
            if mark == "_":
                below = self.argument()
            else:
                above = (above or "") + ("<mo>′</mo>" if mark == "'" else self.argument())
        names = ("munder", "mover", "munderover") if large else ("msub", "msup", "msubsup")
        kind = names[2] if below and above else names[0] if below else names[1]
        scripts = "".join(f"<mrow>{part}</mrow>" for part in (below, above) if part)
        return f"<{kind}>{base or '<mrow></mrow>'}{scripts}</{kind}>" if scripts else base

    def peek(self) -> str | None:
        """The next token that is not white space; what lies before it is passed over."""
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def argument(self) -> str:
        """What a command applies to: a group, or one token. In `\\frac12` that is one digit."""
        token = self.peek()
        if token is not None and token.isdigit():
            self.at += 1
            return f"<mn>{token}</mn>"
        return self.atom()

    def text(self) -> str:
        """The next group, or token, as it is written."""
        if self.peek() != "{":
            self.at += 1
            return self.tokens[self.at - 1]
        end = self.tokens.index("}", self.at)
        found = "".join(self.tokens[self.at + 1:end])
        if re.search(r"[\\{^$]|_(?!\w)", found):
            raise ValueError(found)
        self.at = end + 1
        return found

    def atom(self) -> str:
        self.peek()
        token = self.tokens[self.at]
        self.at += 1
        if token == "{":
            return f"<mrow>{self.row('}')}</mrow>"
        if token[0] == "\\":
            return self.command(token[1:])
        if token.isdigit():
            return f"<mn>{token}{self.digits()}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        if token in "()[]|":
            return f'<mo stretchy="false">{token}</mo>'
        if token in "}&^_$#%":
            raise ValueError(token)
        return f"<mo>{escape({'-': '−', '*': '∗'}.get(token, token))}</mo>"

    def digits(self) -> str:
        """The rest of a number such as 0.25 whose first digit is taken."""
        rest = re.match(r"\d*(\.\d+)?", "".join(self.tokens[self.at:]))[0]
        self.at += len(rest)                # a digit and a point are one token each
        return rest

    def fence(self) -> str:
        """The bracket after `\\left`, `\\right` or `\\big`; a point stands for none."""
        self.peek()
        token = self.tokens[self.at]
        self.at += 1
        found = FENCES.get(token[1:]) if token[0] == "\\" else {".": "", "<": "⟨", ">": "⟩"}.get(token, token)
        if found is None:
            raise ValueError(token)
        return found

    def command(self, name: str) -> str:
        if name in LETTERS:
            return f"<mi>{LETTERS[name]}</mi>"
        if name in OPERATORS:
            return f"<mo>{escape(OPERATORS[name])}</mo>"
        if name in FENCES:
            return f'<mo stretchy="false">{FENCES[name]}</mo>'
        if name in LARGE | LIMITS:
            return f'<mo movablelimits="true">{(LARGE | LIMITS)[name]}</mo>'
        if name in NAMES:
            return f"<mi>{name}</mi>"
        if name in SPACES:
            return f'<mspace width="{SPACES[name]}em"/>'
        if name in ACCENTS:
            return f'<mover accent="true">{self.argument()}<mo stretchy="false">{ACCENTS[name]}</mo></mover>'
        if name in SIZES:
            return f'<mo minsize="{SIZES[name]}em" maxsize="{SIZES[name]}em">{escape(self.fence())}</mo>'
        if name in FONTS:
            return self.letters(name)
        match name:
            case "frac" | "tfrac" | "dfrac":
                style = {"tfrac": ' displaystyle="false"', "dfrac": ' displaystyle="true"'}.get(name, "")
                return f"<mfrac{style}>{self.argument()}{self.argument()}</mfrac>"
            case "sqrt":
                return f"<msqrt>{self.argument()}</msqrt>"
            case "mathrm" | "operatorname" | "text" | "textrm":
                tag = "mtext" if name.startswith("text") else "mi"
                normal = ' mathvariant="normal"'        # a single letter would be slanted
                return f"<{tag}{normal if tag == 'mi' else ''}>{escape(self.text())}</{tag}>"
            case "tag":
                return f'<mspace width="2em"/><mtext>({escape(self.text())})</mtext>'
            case "left":
                opening, content = self.fence(), self.row("\\right")
                return f"<mrow>{_stretched(opening)}{content}{_stretched(self.fence())}</mrow>"
            case "begin":
                return self.environment(self.text())
        raise ValueError(name)

    def letters(self, font: str) -> str:
        """Bold, script and double-struck letters are characters of their own."""
        upper, lower, digit, others = FONTS[font]
        found = []
        for letter in self.text():
            base, first = (digit, "0") if letter.isdigit() else (upper, "A") if letter.isupper() else (lower, "a")
            if not (letter.isascii() and letter.isalnum() and base):
                raise ValueError(letter)
            found.append(others.get(letter) or chr(base + ord(letter) - ord(first)))
        return f"<mi>{''.join(found)}</mi>"

    def environment(self, name: str) -> str:
        """A matrix, cases, or aligned lines."""
        if name not in MATRICES and name not in ALIGNED:
            raise ValueError(name)
        rows: list[list[str]] = [[""]]
        while self.peek() != "\\end":
            if self.tokens[self.at] in ("&", "\\\\"):
                rows[-1:] = [[*rows[-1], ""]] if self.tokens[self.at] == "&" else [rows[-1], [""]]
                self.at += 1
            else:
                rows[-1][-1] += self.scripted()
        self.at += 1
        if self.text() != name:
            raise ValueError(name)
        cells = ["".join(f"<mtd>{cell}</mtd>" for cell in row) for row in rows if any(row)]
        # the style sheet draws brackets: few machines have a font that can
        look = f'class="{MATRICES.get(name, "lines")}"'
        table = f"<mtable {look}>{''.join(f'<mtr>{row}</mtr>' for row in cells)}</mtable>"
        return f"<mrow>{_stretched('{')}{table}</mrow>" if name == "cases" else table


def _stretched(fence: str) -> str:
    return f'<mo stretchy="true" fence="true">{escape(fence)}</mo>' if fence else ""
