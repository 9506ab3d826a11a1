"""Run a program on a terminal of its own: on_tty.py [PROMPT ANSWER]... -- PROGRAM ARGUMENTS...

Waits for each prompt before it types the answer; "^C" types that key. Prints what the terminal
showed and exits with the program's status."""
import os
import pty
import select
import sys
import time

split = sys.argv.index("--")
dialog = sys.argv[1:split]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[split + 1], sys.argv[split + 1:])
shown, seen_to, deadline = b"", 0, time.time() + 60
while time.time() < deadline:
    if dialog and dialog[0].encode() in shown[seen_to:]:
        seen_to = len(shown)
        time.sleep(0.05)   # the prompt comes before the echo is off
        answer = dialog[1]
        os.write(terminal, b"\x03" if answer == "^C" else answer.encode() + b"\n")
        dialog = dialog[2:]
        continue
    if not select.select([terminal], [], [], 0.2)[0]:
        continue
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    shown += data
else:
    os.kill(pid, 9)
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
if dialog:
    sys.exit("never asked: " + dialog[0])
sys.exit(os.waitstatus_to_exitcode(status))
