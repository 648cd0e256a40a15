"""The house rules. Each takes (name, text) of a file and yields (line, message); tree rules take all files at once."""
import ast
import os
import re

import source

LINE_COLUMNS_MAX = 120
FILE_LINES_MAX = 700
HEADER_LINES_MAX = 200
FUNCTION_LINES_MAX = 60

PURE = ("core", "wire", "config")
SHELLS = ("transport", "vip", "fence", "watch", "hooks", "witness", "control", "platform", "data")
OUTER = ("daemon", "cli")
# What a folder of agent/ may include of the others (ARCHITECTURE: dependencies point downward only). The frame codec
# carries the core's status type and nothing else of it, hence core/types.hpp alone; that of the witness its questions,
# that of the virtual IP's network its words.
MAY_INCLUDE = {"base": set(), "core": {"base"}, "wire": {"base"}, "config": {"base"}}
MAY_INCLUDE.update({shell: {"base", "core", "wire", "platform"} for shell in SHELLS})
MAY_INCLUDE["platform"] = {"base", "core", "wire"}
SINGLE_HEADERS = {"wire": {"agent/core/types.hpp", "agent/core/voter.hpp", "agent/core/lan_word.hpp"}}

STANDARD_BANNED_IN_PURE = {"thread", "mutex", "shared_mutex", "condition_variable", "future", "atomic", "random",
                           "ctime", "time.h", "iostream", "cstdio", "stdio.h", "csignal", "signal.h", "latch",
                           "barrier", "semaphore", "stop_token"}
FILE_ACCESS = {"fstream", "filesystem"}
LIBRARY_ALLOWED = {"wire": ("openssl/",), "config": ("pugixml.hpp",)}
LIBRARY_COMMON = ("fmt/", "xxhash.h")

CALLS_BANNED_IN_PURE = [
    (re.compile(r"(?<![\w.>:])(?:std::|::)?(?:time|gettimeofday|clock_gettime|localtime|gmtime|clock)\s*\("),
     "reads a clock"),
    (re.compile(r"::now\s*\("), "reads a clock"),
    (re.compile(r"(?<![\w.>])(?:std::|::)?[fs]?n?printf\s*\("), "prints"),
    (re.compile(r"\bstd::(?:cout|cerr|clog|puts)\b"), "prints"),
    (re.compile(r"(?<![\w.>])(?:std::|::)?(?:u|nano)?sleep(?:_for|_until)?\s*\("), "sleeps"),
    (re.compile(r"\bstd::this_thread\b"), "knows threads"),
    (re.compile(r"\bstd::(?:j?thread|async|mutex|atomic)\b"), "knows threads"),
    (re.compile(r"(?<![\w.>])(?:std::|::)?s?rand(?:om)?\s*\("), "draws random numbers"),
    (re.compile(r"\bstd::(?:mt19937|random_device|uniform_\w+)"), "draws random numbers"),
    (re.compile(r"(?<![\w.>])(?:std::|::)?(?:secure_)?getenv\s*\("), "reads the environment"),
    (re.compile(r"\blog::\w+\s*\("), "writes the log"),
]
CALLS_BANNED_EVERYWHERE = [
    (re.compile(r"(?<![\w.>])(?:std::|::)?"
                r"(?:strcpy|strcat|sprintf|vsprintf|gets|strtok|system|popen|mktemp|tmpnam)\s*\("),
     "has no bound or starts a shell"),
    (re.compile(r"\busing\s+namespace\s+std\s*;"), "imports all of std"),
]

# Written in pieces, so that this file does not break its own rule.
OPEN_MARKERS = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "T" + "BD"]
OPEN_MARKER = re.compile(r"\b(" + "|".join(OPEN_MARKERS) + r")\b")
LEFT_OPEN = re.compile(r"(?i)\b(not (?:yet )?imple" + r"mented|for now,? (?:we|this)|dummy imple" + r"mentation)\b")
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:home/[a-z]|root/|wo" + r"rk/)")


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def text_layout(name, text):
    """Lines that fit a screen, no tabs, no trailing blanks, a newline at the end."""
    if not (name.endswith(source.CPP + (".py", ".sh", ".cmake", "CMakeLists.txt")) or text.startswith("#!")):
        return
    code = source.blank(text) if name.endswith(source.CPP) else text  # a tab inside a literal is somebody's sample
    for number, (line, plain) in enumerate(zip(text.split("\n"), code.split("\n")), 1):
        if len(line) > LINE_COLUMNS_MAX:
            yield number, f"line of {len(line)} columns; at most {LINE_COLUMNS_MAX}"
        if "\t" in plain:
            yield number, "tab; indent with spaces"
        if line != line.rstrip():
            yield number, "blanks at the end of the line"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end of the file"


def file_budget(name, text):
    """A file that grew without limit is always the one nobody understands."""
    if not (name.endswith(source.CPP) or source.is_python(name, text) or source.is_shell(name, text)):
        return
    limit = HEADER_LINES_MAX if name.endswith(".hpp") else FILE_LINES_MAX
    if text.count("\n") > limit:
        yield 1, f"{text.count(chr(10))} lines; at most {limit}: split it along its seams"


def function_budget(name, text):
    if name.endswith(source.CPP):
        for function, first, lines in source.functions(text):
            if lines > FUNCTION_LINES_MAX:
                yield first, f"{function} has {lines} lines; at most {FUNCTION_LINES_MAX}"
    elif source.is_python(name, text):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX:
                yield node.lineno, f"{node.name} has {node.end_lineno - node.lineno + 1} lines; " \
                                   f"at most {FUNCTION_LINES_MAX}"


def header_opening(name, text):
    """`#pragma once`, and what the header is for, before anything else."""
    if not name.endswith(".hpp"):
        return
    opening = [line.strip() for line in text.split("\n") if line.strip()][:2]
    if "#pragma once" not in opening:
        yield 1, "a header starts with #pragma once"
    if not any(line.startswith("//") for line in opening):
        yield 1, "a header opens with a comment that says what it is for"


def includes(text):
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', source.blank(text, keep_strings=True),
                             re.MULTILINE):
        yield line_of(text, match.start()), match.group(1), match.group(2)


def dependency_law(name, text):
    """base <- {core, wire, config} <- shells <- daemon, cli; shells do not include each other."""
    parts = name.split("/")
    if parts[0] != "agent" or not name.endswith(source.CPP) or len(parts) < 3:
        return
    folder = parts[1]
    for line, bracket, path in includes(text):
        if bracket == '"' and not path.startswith(("agent/", "tests/")):
            yield line, f'"{path}": include from the root of the tree ("agent/...")'
        if path.startswith("tests/"):
            yield line, f"{path}: the agent does not know its tests"
        if not path.startswith("agent/") or folder in OUTER:
            continue
        target = path.split("/")[1]
        allowed = MAY_INCLUDE.get(folder)
        if allowed is None:
            yield line, f"agent/{folder} has no place in the dependency law: add it to tests/tidy/rules.py"
        elif target != folder and target not in allowed and path not in SINGLE_HEADERS.get(folder, ()):
            yield line, f"agent/{folder} may not include {path}: only {', '.join(sorted(allowed | {folder}))}"


def pure_includes(name, text):
    """Pure folders see the language and base; the operating system, threads, clocks and logs stay outside."""
    parts = name.split("/")
    if parts[0] != "agent" or len(parts) < 3 or parts[1] not in PURE or not name.endswith(source.CPP):
        return
    folder = parts[1]
    for line, _, path in includes(text):
        if path.startswith("agent/"):
            if path == "agent/base/log.hpp":
                yield line, "a pure folder does not log: say it in a Note or a Result"
        elif path in STANDARD_BANNED_IN_PURE or (path in FILE_ACCESS and folder != "config"):
            yield line, f"<{path}> has no place in a pure folder"
        elif ("/" in path or path.endswith((".h", ".hpp"))) and \
                not path.startswith(LIBRARY_COMMON + LIBRARY_ALLOWED.get(folder, ())):
            yield line, f"<{path}> has no place in agent/{folder}: it is pure"


def banned_calls(name, text):
    if not name.endswith(source.CPP):
        return
    code = source.blank(text)
    parts = name.split("/")
    rules = list(CALLS_BANNED_EVERYWHERE)
    if parts[0] == "agent" and len(parts) > 2 and parts[1] in PURE:
        rules += CALLS_BANNED_IN_PURE
    for pattern, why in rules:
        for match in pattern.finditer(code):
            yield line_of(code, match.start()), f"`{match.group(0).strip()}` {why}"


def banned_words(name, text):
    """What is left open belongs in an issue, and a path of somebody's machine in no file at all."""
    if name in ("LICENSE",):
        return
    for pattern, why in ((OPEN_MARKER, "left open: finish it or write an issue"),
                         (LEFT_OPEN, "left open: finish it or write an issue"),
                         (MACHINE_PATH, "path of one machine")):
        for match in pattern.finditer(text):
            yield line_of(text, match.start()), f"`{match.group(0)}`: {why}"


FILE_RULES = (text_layout, file_budget, function_budget, header_opening, dependency_law, pure_includes, banned_calls,
              banned_words)


def unregistered_tests(texts):
    """A test file that no CMakeLists.txt names is never run."""
    for name in texts:
        base = os.path.basename(name)
        is_test = name.endswith(".cpp") or (base.startswith("test_") and name.endswith(".py"))
        if name.startswith("tests/") and is_test and not is_named_above(name, base, texts):
            yield name, 1, "is named in no CMakeLists.txt of its folder or above"


def is_named_above(name, base, texts):
    folder = os.path.dirname(name)
    while folder:
        listing = texts.get(f"{folder}/CMakeLists.txt", "")
        if re.search(rf"(?<![\w-]){re.escape(base)}(?![\w-])", listing) or \
                re.search(rf"(?<![\w-]){re.escape(os.path.splitext(base)[0])}(?![\w.-])", listing):
            return True
        folder = os.path.dirname(folder)
    return False


def unregistered_sources(texts):
    """A source file of the agent that no CMakeLists.txt names is dead."""
    for name in texts:
        is_source = name.startswith("agent/") and name.endswith(".cpp")
        if is_source and not is_named_above(name, os.path.basename(name), texts):
            yield name, 1, "is named in no CMakeLists.txt of its folder or above"


TREE_RULES = (unregistered_tests, unregistered_sources)


def check_files(texts):
    """Every finding as (name, line, message), in order."""
    findings = []
    for name, text in texts.items():
        for rule in FILE_RULES:
            findings += [(name, line, message) for line, message in rule(name, text)]
    for rule in TREE_RULES:
        findings += list(rule(texts))
    return sorted(set(findings))
