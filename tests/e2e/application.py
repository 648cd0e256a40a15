"""Scripts of the applications that the end-to-end tests protect."""
from harness import PORT, tool


def responder_scripts(journal):
    """An application that is started and stopped by scripts: a responder. Each script writes a line to the journal, a
    file that both nodes share: host, script, arguments, when it began and ended (wall clock, ns)."""
    note = f'note() {{ echo "$(hostname) {{}} $* $(date +%s%N)" >>{journal}; }}\n'
    start = note.replace("{}", "start_prim") + f"""note begin "$@"
setsid {tool("responder")} --port {PORT} </dev/null >/dev/null 2>&1 &
echo $! >/run/responder.pid
note end "$@"
"""
    stop = note.replace("{}", "stop_prim") + """note begin "$@"
if [ -e /run/responder.pid ]; then
  pid=$(cat /run/responder.pid)
  rm -f /run/responder.pid
  kill "$pid" 2>/dev/null
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.01
  done
fi
note end "$@"
"""
    return {"start_prim": start, "stop_prim": stop}


def read_journal(path):
    """[(host, script, begin|end, arguments, moment in ns)] in order of time."""
    with open(path, encoding="utf-8") as file:
        lines = [line.split() for line in file if line.strip()]
    entries = [(words[0], words[1], words[2], words[3:-1], int(words[-1])) for words in lines]
    return sorted(entries, key=lambda entry: entry[-1])


ERRD = """<errd polltimer="10">
      <proc name="responder" atleast="1" action="{action}" class="prim"/>
    </errd>"""
