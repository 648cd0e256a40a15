"""Shows each house rule a sample that breaks it and one that does not: a rule that cannot fail checks nothing."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rules  # noqa: E402
import source  # noqa: E402

HEADER = "#pragma once\n// Purpose.\n"
MARKER = "TO" + "DO"


def messages(name, text, **others):
    texts = {name: text, **{path.replace("__", "/"): content for path, content in others.items()}}
    return [message for found, _, message in rules.check_files(texts) if found == name]


def lines_of(function_lines):
    return "int f() {\n" + "  g();\n" * (function_lines - 2) + "}\n"


class FileRules(unittest.TestCase):
    def breaks(self, name, text, expected):
        listing = "agent__x__CMakeLists.txt"
        found = messages(name, text, **{listing: ""})
        self.assertTrue(any(expected in message for message in found), f"{expected!r} not found in {found}")

    def holds(self, name, text):
        found = [message for message in messages(name, text) if "CMakeLists" not in message]
        self.assertEqual(found, [])

    def test_layout(self):
        self.breaks("agent/core/a.cpp", "// " + "x" * 120 + "\n", "columns")
        self.holds("agent/core/a.cpp", "// " + "x" * 117 + "\n")
        self.breaks("agent/core/a.cpp", "\tint a;\n", "tab")
        self.holds("agent/core/a.cpp", 'auto a = R"(\t)";\n')
        self.breaks("scripts/run", "#!/bin/bash\necho a \n", "blanks")
        self.breaks("agent/core/a.cpp", "int a;", "no newline")
        self.holds("docs/a.md", "x" * 300 + "\n")

    def test_file_budget(self):
        self.breaks("agent/core/a.cpp", "int a;\n" * 701, "701 lines")
        self.holds("agent/core/a.cpp", "int a;\n" * 700)
        self.breaks("agent/core/a.hpp", HEADER + "int a;\n" * 199, "201 lines")
        self.holds("agent/core/a.hpp", HEADER + "int a;\n" * 198)
        self.breaks("scripts/tool", "#!/usr/bin/env python3\n" + "a = 1\n" * 700, "701 lines")

    def test_function_budget(self):
        self.breaks("agent/core/a.cpp", lines_of(61), "f has 61 lines")
        self.holds("agent/core/a.cpp", lines_of(60))
        self.breaks("agent/core/a.cpp", "namespace a {\nstruct B {\n" + lines_of(61) + "};\n}\n", "f has 61 lines")
        self.breaks("tests/unit/a.cpp", "TEST(Thing, holds) {\n" + "  g();\n" * 60 + "}\n", "TEST(Thing, holds) has 62")
        self.breaks("agent/core/a.cpp", "A::A(int b) : b_{b}, c_(1) {\n" + "  g();\n" * 60 + "}\n", "has 62 lines")
        self.breaks("tests/a.py", "def f():\n" + "    g()\n" * 60, "f has 61 lines")
        self.holds("agent/core/a.cpp", "constexpr int table[] = {\n" + "  1,\n" * 100 + "};\n")
        self.holds("agent/core/a.cpp", "struct A {\n" + "  int f();\n" * 100 + "};\n")
        self.holds("agent/core/a.cpp", 'int f() {\n  return "{{{"[0];  // {\n}\n' + "int g();\n" * 70)

    def test_header_opening(self):
        self.breaks("agent/core/a.hpp", "// Purpose.\nint a;\n", "#pragma once")
        self.breaks("agent/core/a.hpp", "#pragma once\n#include <string>\n", "what it is for")
        self.holds("agent/core/a.hpp", HEADER)
        self.holds("agent/core/a.hpp", "// Purpose.\n#pragma once\n")

    def test_dependency_law(self):
        for folder, path in (("base", "core/types"), ("core", "wire/frame"), ("core", "config/options"),
                             ("wire", "transport/udp"), ("wire", "core/cluster"), ("config", "vip/vip"),
                             ("vip", "fence/guard"), ("watch", "config/options"), ("hooks", "daemon/main"),
                             ("platform", "vip/vip"), ("control", "cli/verb")):
            self.breaks(f"agent/{folder}/a.cpp", f'#include "agent/{path}.hpp"\n', f"agent/{folder} may not include")
        for folder, path in (("core", "base/result"), ("wire", "core/types"), ("vip", "core/ports"),
                             ("vip", "platform/asio"), ("fence", "wire/frame"), ("daemon", "config/options"),
                             ("cli", "daemon/main"), ("vip", "vip/arp")):
            self.holds(f"agent/{folder}/a.cpp", f'#include "agent/{path}.hpp"\n')
        self.breaks("agent/unheard/a.cpp", '#include "agent/base/result.hpp"\n', "has no place in the dependency law")
        self.breaks("agent/vip/a.cpp", '#include "arp.hpp"\n', "from the root")
        self.breaks("agent/vip/a.cpp", '#include "tests/support/a.hpp"\n', "does not know its tests")
        self.holds("agent/core/a.cpp", '// #include "agent/vip/vip.hpp"\n')

    def test_pure_includes(self):
        for path in ("sys/socket.h", "unistd.h", "boost/asio.hpp", "spdlog/spdlog.h", "thread", "ctime", "fstream",
                     "random", "openssl/hmac.h"):
            self.breaks("agent/core/a.cpp", f"#include <{path}>\n", f"<{path}> has no place")
        self.breaks("agent/wire/a.cpp", '#include "agent/base/log.hpp"\n', "does not log")
        self.breaks("agent/config/a.cpp", "#include <thread>\n", "has no place")
        self.holds("agent/wire/a.cpp", "#include <openssl/hmac.h>\n")
        self.holds("agent/config/a.cpp", "#include <fstream>\n#include <pugixml.hpp>\n")
        self.holds("agent/vip/a.cpp", "#include <sys/socket.h>\n")

    def test_banned_calls(self):
        for call in ("std::time(nullptr)", "time(nullptr)", "gettimeofday(&a, 0)", "std::chrono::steady_clock::now()",
                     'printf("a")', "std::cout << 1", "std::this_thread::yield()", "std::thread{f}", "rand()",
                     "std::mt19937 a", 'getenv("A")', "usleep(1)", 'log::info("core", "a")'):
            self.breaks("agent/core/a.cpp", f"void f() {{ {call}; }}\n", "`")
        for call in ("a.time(1)", "a->sleep(1)", "since_time(a)", 'say("time(nullptr)")', "sprintf_like(a)"):
            self.holds("agent/core/a.cpp", f"void f() {{ {call}; }}\n")
        self.breaks("agent/vip/a.cpp", 'void f() { system("ls"); }\n', "starts a shell")
        self.breaks("agent/vip/a.cpp", "using namespace std;\n", "imports all of std")
        self.holds("agent/vip/a.cpp", "void f() { std::chrono::steady_clock::now(); }\n")

    def test_banned_words(self):
        self.breaks("docs/a.md", f"{MARKER}: write this\n", "left open")
        self.breaks("agent/core/a.cpp", "// not imple" + "mented\n", "left open")
        self.breaks("docs/a.md", "see /ro" + "ot/notes\n", "path of one machine")
        self.holds("docs/a.md", "what is to do stands in issues; /var/lib is fine\n")


class TreeRules(unittest.TestCase):
    def test_unregistered_test(self):
        self.assertIn("is named in no CMakeLists.txt of its folder or above",
                      messages("tests/unit/core/a_test.cpp", "", tests__unit__CMakeLists_txt=""))
        texts = {"tests/unit/core/a_test.cpp": "", "tests/unit/core/CMakeLists.txt": "SOURCES a_test.cpp\n"}
        self.assertEqual(rules.check_files(texts), [])
        texts = {"tests/unit/core/a_test.cpp": "", "tests/unit/core/CMakeLists.txt": "SOURCES other_a_test.cpp\n"}
        self.assertEqual(len(rules.check_files(texts)), 1)
        self.assertEqual(len(rules.check_files({"tests/e2e/test_swap.py": ""})), 1)

    def test_unregistered_source(self):
        self.assertEqual(len(rules.check_files({"agent/core/a.cpp": "", "agent/core/CMakeLists.txt": "b.cpp\n"})), 1)
        self.assertEqual(rules.check_files({"agent/core/a.cpp": "", "agent/core/CMakeLists.txt": "a.cpp\n"}), [])


class Reading(unittest.TestCase):
    def test_blank_keeps_places(self):
        text = 'a("x//y"); // c\n/* d\n */ R"(e"f)" 1\'000\n'
        blanked = source.blank(text)
        self.assertEqual([len(line) for line in blanked.split("\n")], [len(line) for line in text.split("\n")])
        for hidden in "xycdef":
            self.assertNotIn(hidden, blanked)
        self.assertIn("1'000", blanked)


class Tools(unittest.TestCase):
    """The outside checkers, through the same door as ctest uses them."""

    def run_check(self, check, name, text):
        with tempfile.TemporaryDirectory() as root:
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path))
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            with open(os.path.join(root, ".clang-format"), "w", encoding="utf-8") as file:
                file.write("BasedOnStyle: Google\n")
            program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tidy.py")
            return subprocess.run([sys.executable, program, check, root], capture_output=True, check=False).returncode

    def test_format(self):
        self.assertEqual(self.run_check("format", "agent/a.cpp", "int  a ;\n"), 1)
        self.assertEqual(self.run_check("format", "agent/a.cpp", "int a;\n"), 0)

    def test_shell(self):
        self.assertEqual(self.run_check("shell", "scripts/a", "#!/bin/bash\nfor a in `ls`; do unused=$a; done\n"), 1)
        self.assertEqual(self.run_check("shell", "scripts/a", '#!/bin/bash\necho "$1"\n'), 0)

    def test_tree(self):
        self.assertEqual(self.run_check("tree", "agent/core/a.hpp", "int a;\n"), 1)
        self.assertEqual(self.run_check("tree", "agent/core/a.hpp", HEADER), 0)


if __name__ == "__main__":
    unittest.main()
