"""An engine whose death its directory survives: the test keeps, as the agent does, what the engine hands over, and
gives it to the next one. An application must be another process: what is forked from this one here has its open files
for a moment, and would wait for the engine that it is about to become."""
import array
import json
import mmap
import os
import signal
import socket
import struct
import time

from engine_pair import PATIENCE_S, Engine

# agent/data/filesync/fuse/inheritance.cpp: eight words, the third of them the size of an undertaking, then these.
WORDS, UNDERTAKINGS, USABLE_WORD, STATE_OFFSET = 8, 256, 3, 12


class Heir(Engine):
    def __init__(self, folder, node, *arguments, **options):
        self.kept, self.is_solo = {}, False
        # Of this node alone: what one engine does the other one does as well, a moment later.
        self.death_point = os.path.join(folder, node, "death point")
        super().__init__(folder, node, *arguments, **options)

    def enter(self, descriptor):
        super().enter(descriptor)
        # tests/support/death_point.cpp
        os.environ.update(LD_PRELOAD=os.path.join(os.environ["CLUSTERAGENT_TOOLS"], "libdeath_point.so"),
                          CLUSTERAGENT_DEATH_POINT=self.death_point)

    def die_at(self, point):
        """The next time that it comes there. "before unlinkat", "after reply"."""
        with open(self.death_point + ".new", "w", encoding="ascii") as file:
            file.write(point)
        os.rename(self.death_point + ".new", self.death_point)

    def receive(self):
        try:
            text, ancillary, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(16))
        except ConnectionResetError:
            # It died with something unread. What it had said before is still to be heard.
            return True
        numbers = array.array("i")
        for _, _, data in ancillary:
            numbers.frombytes(data[:len(data) - len(data) % numbers.itemsize])
        if not text:
            return False
        said = json.loads(text)
        if said["is"] == "keep":
            self.drop(said["key"])
            self.kept[said["key"]] = (said["about"], list(numbers))
        elif said["is"] == "drop":
            self.drop(said["key"])
        elif said["is"] == "drop_all":
            self.drop_all()
        else:
            if said["is"] == "synced":
                self.is_solo = False
            self.said.append(said)
        return True

    def drop(self, key):
        for number in self.kept.pop(key, (None, []))[1]:
            os.close(number)

    def drop_all(self):
        for key in list(self.kept):
            self.drop(key)

    def lead(self, epoch=1, solo=True, check=True):
        self.is_solo = solo
        return super().lead(epoch, solo, check)

    def allow_solo(self):
        self.is_solo = True
        self.send({"do": "allow_solo"})

    def die(self, number=signal.SIGKILL):
        os.kill(self.process.pid, number)
        self.wait_dead()

    def wait_dead(self):
        """Returns when its last word is heard."""
        self.process.wait(PATIENCE_S)
        while self.receive():
            pass
        self.socket.close()

    def take_over(self, check=True, epoch=1):
        """The next engine, and what it answers."""
        began = time.monotonic()
        options = self.options
        self.options = {**options, "takes_over": True}
        self.start()
        self.options = options
        self.said = []
        for key, (about, numbers) in self.kept.items():
            message = json.dumps({"do": "hold", "key": key, "about": about}).encode()
            socket.send_fds(self.socket, [message], numbers)
        done = self.ask("take_over", check, epoch=epoch, solo=self.is_solo)
        self.took_s = time.monotonic() - began
        if not done["ok"]:
            self.drop_all()
        return done

    def attend(self, seconds):
        """Takes what it hands over, as the agent does all the time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.listen(left)

    def memories(self):
        return [numbers[2] for key, (_, numbers) in self.kept.items() if key.startswith("volume")]

    def forget_usable(self):
        """As with a kernel that does not send again."""
        for memory in self.memories():
            os.pwrite(memory, struct.pack("=Q", 0), 8 * USABLE_WORD)

    def undertakings(self):
        """The opcodes of what was under way, and how far it was."""
        found = []
        for memory in self.memories():
            with mmap.mmap(memory, mmap.PAGESIZE * 4096) as seen:
                size = struct.unpack_from("=Q", seen, 16)[0]
                for at in range(UNDERTAKINGS):
                    request, opcode, state = struct.unpack_from("=QLL", seen, 8 * WORDS + at * size)
                    if request:
                        found.append((opcode, state))
        return found

    def forget_undertakings(self):
        """What an engine would be that writes down nothing of what it does."""
        for memory in self.memories():
            with mmap.mmap(memory, mmap.PAGESIZE * 4096) as seen:
                size = struct.unpack_from("=Q", seen, 16)[0]
                for at in range(UNDERTAKINGS):
                    struct.pack_into("=Q", seen, 8 * WORDS + at * size, 0)

    def end(self):
        self.drop_all()
        super().end()
