"""Reading source files for the house rules: which files there are, and C++ with comments and literals blanked out."""
import os
import re
import subprocess

CPP = (".cpp", ".hpp")


def tracked_files(root):
    """Paths relative to root that are, or would be, committed; build trees and the like are not ours to judge."""
    command = ["git", "-c", f"safe.directory={root}", "-C", root, "ls-files", "-z", "--cached", "--others",
               "--exclude-standard"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        names = [name for name in listing.stdout.split("\0") if name]
    else:  # an unpacked release without its history
        names = []
        for folder, folders, files in os.walk(root):
            folders[:] = [one for one in folders if one not in ("build", ".git")]
            names += [os.path.relpath(os.path.join(folder, one), root) for one in files]
    return sorted({name for name in names if os.path.isfile(os.path.join(root, name))})


def read(root, name):
    """Text of a file, or None when it is not text."""
    with open(os.path.join(root, name), "rb") as file:
        content = file.read()
    if b"\0" in content:
        return None
    return content.decode("utf-8", errors="replace")


def is_python(name, text):
    return name.endswith(".py") or (("." not in os.path.basename(name)) and re.match(r"#!.*python", text) is not None)


def is_shell(name, text):
    return name.endswith(".sh") or re.match(r"#!\s*(/usr)?/bin/(env )?(ba|da)?sh\b", text) is not None


TOKEN = re.compile(r'''
    (?P<raw>R"(?P<mark>[^()\\ ]{0,16})\(.*?\)(?P=mark)")
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<character>(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+')
  | (?P<line>//[^\n]*)
  | (?P<block>/\*.*?\*/)
''', re.VERBOSE | re.DOTALL)


def blank(text, keep_strings=False):
    """Same lines and columns, with comments (and string contents) replaced by spaces."""
    def spaces(match):
        if keep_strings and match.lastgroup in ("raw", "mark", "string", "character"):
            return match.group(0)
        hidden = re.sub(r"[^\n]", " ", match.group(0))
        return hidden if match.group("line") or match.group("block") else f'"{hidden[1:-1]}"'
    return TOKEN.sub(spaces, text)


CONTAINER = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")


def functions(text):
    """(name, first line, number of lines) of every function body outside other functions; braces are counted, nothing
    is parsed, which is exact enough for a length budget."""
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda match: re.sub(r"[^\n]", " ", match.group(0)), blank(text),
                  flags=re.MULTILINE)
    found, stack, head_start = [], [], 0
    for position, character in enumerate(code):
        if character == "{":
            head = code[head_start:position]
            inside = any(kind in ("function", "value") for kind, _, _ in stack)
            stack.append((kind_of(head, inside), head, head_start + len(head) - len(head.lstrip())))
            head_start = position + 1
        elif character == "}" and stack:
            kind, head, start = stack.pop()
            if kind == "function":
                first = code.count("\n", 0, start) + 1
                found.append((name_of(head), first, code.count("\n", 0, position) + 2 - first))
            if kind != "value":
                head_start = position + 1
        elif character == ";":
            head_start = position + 1
    return found


def kind_of(head, inside):
    """What the brace after this text opens."""
    if inside:
        return "value"
    plain = re.sub(r"template\s*<[^{};]*?>\s*(?=\w)", "", head)
    if CONTAINER.search(plain.split("(")[0]):
        return "container"
    return "function" if ")" in plain else "value"


def name_of(head):
    match = re.search(r"([\w:~]+)\s*\(", head)
    if match is None:
        return "?"
    if match.group(1).startswith("TEST"):
        return re.sub(r"\s+", " ", head[match.start():]).strip()
    return match.group(1)
