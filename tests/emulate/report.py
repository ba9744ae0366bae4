"""Reads what the guest says on its serial port: which command ended how."""
import secrets
import sys

from machine import TICKS_PER_SECOND

TIMEOUT, NO_GUEST = 124, 125


class Report:
    """Reads what the guest says, and passes on what its programs say."""

    def __init__(self, commands: list[str]):
        self.commands = commands
        self.token = f"@{secrets.token_hex(8)}"  # no program can guess it
        self.codes = []
        self.busy = 0.0

    def line(self, line: str) -> bool:
        """Takes one line; true when the guest is done."""
        text, marked, words = line.partition(self.token + " ")
        if text or not marked:
            print(text, flush=True)
        match words.split():
            case ["start", up, idle]:
                self.busy = float(up) - float(idle)
                print(f"emulate: the guest runs after {millions(self.busy)} instructions", flush=True)
            case ["begin", number]:
                print(f"emulate: $ {self.commands[int(number) - 1]}", flush=True)
            case ["end", number, code, up, idle]:
                busy, self.busy = self.busy, float(up) - float(idle)
                self.codes.append(int(code))
                print(f"emulate: exit {code} after {millions(self.busy - busy)} instructions", flush=True)
            case ["done"]:
                return True
        return False

    def finish(self, ran) -> int:
        """The exit code of it all, after a line of figures."""
        rate = self.busy * TICKS_PER_SECOND / 1e6 / max(ran.processor_seconds, 1e-9)
        print(
            f"emulate: {len(self.codes)} of {len(self.commands)} commands ran; {ran.wall_seconds:.0f} s, "
            f"of them {ran.processor_seconds:.0f} s on a CPU; {rate:.0f} million instructions a second"
        )
        if ran.why == "timeout":
            print("emulate: out of time: raise --timeout", file=sys.stderr)
            return TIMEOUT
        if ran.why != "done" or len(self.codes) != len(self.commands):
            print("emulate: the guest stopped early", file=sys.stderr)
            return NO_GUEST
        return next((code for code in self.codes if code), 0)


def millions(emulated_seconds: float) -> str:
    return f"{emulated_seconds * TICKS_PER_SECOND / 1e6:.0f} million"
