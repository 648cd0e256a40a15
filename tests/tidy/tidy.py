"""Holds the tree to the house rules: tidy.py tree|format|shell ROOT. Prints each finding as file:line: message."""
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True

import rules  # noqa: E402
import source  # noqa: E402


def tree(root):
    texts = {}
    for name in source.tracked_files(root):
        text = source.read(root, name)
        if text is not None:
            texts[name] = text
    findings = [f"{name}:{line}: {message}" for name, line, message in rules.check_files(texts)]
    print(f"{len(texts)} files looked at")
    return findings


def tool(program, arguments, names, root):
    """Runs a checker over files in pieces that fit a command line; its output lines are the findings."""
    if shutil.which(program) is None:
        return [f"{program} is missing: scripts/setup test"]
    findings = []
    for start in range(0, len(names), 50):
        done = subprocess.run([program, *arguments, *names[start:start + 50]], cwd=root, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            findings += (done.stdout + done.stderr).strip().split("\n")
    print(f"{len(names)} files looked at with {program}")
    return findings


def format_check(root):
    names = [name for name in source.tracked_files(root) if name.startswith(("agent/", "tests/"))
             and name.endswith(source.CPP)]
    return tool("clang-format", ["--dry-run", "-Werror", "--ferror-limit=1"], names, root)


def shell_check(root):
    names = [name for name in source.tracked_files(root) if not name.endswith(".md")
             and source.is_shell(name, source.read(root, name) or "")]
    return tool("shellcheck", ["--severity=warning", "--format=gcc", "--external-sources"], names, root)


def main():
    checks = {"tree": tree, "format": format_check, "shell": shell_check}
    if len(sys.argv) != 3 or sys.argv[1] not in checks:
        print(__doc__)
        return 2
    findings = checks[sys.argv[1]](sys.argv[2])
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
