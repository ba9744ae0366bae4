"""A guest that fails, stops early or runs out of time is never taken for one that passed."""
import contextlib
import io
import unittest
from types import SimpleNamespace

from report import NO_GUEST, TIMEOUT, Report


def outcome(lines: list[str], why: str = "done") -> int:
    report = Report(["first", "second"])
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for line in lines:
            report.line(line.replace("@", report.token + " "))
        return report.finish(SimpleNamespace(why=why, processor_seconds=1.0, wall_seconds=1.0))


START = ["@start 3.5 0.5", "@begin 1", "text"]
FIRST, SECOND = ["@end 1 0 4.0 0.5", "@begin 2"], ["@end 2 0 5.0 0.5", "@done"]


class Outcomes(unittest.TestCase):
    def test_all_passed(self):
        self.assertEqual(outcome(START + FIRST + SECOND), 0)

    def test_text_without_a_newline_before_the_mark(self):
        self.assertEqual(outcome(START + ["text" + FIRST[0], FIRST[1]] + SECOND), 0)

    def test_the_first_failure_is_the_exit_code(self):
        self.assertEqual(outcome(START + ["@end 1 7 4.0 0.5", "@begin 2"] + SECOND), 7)
        self.assertEqual(outcome(START + FIRST + ["@end 2 101 5.0 0.5", "@done"]), 101)

    def test_a_command_that_is_missing(self):
        self.assertEqual(outcome(START + FIRST + ["@done"]), NO_GUEST)

    def test_a_guest_that_stops(self):
        self.assertEqual(outcome(START + FIRST, "stopped"), NO_GUEST)
        self.assertEqual(outcome([], "stopped"), NO_GUEST)

    def test_out_of_time(self):
        self.assertEqual(outcome(START + FIRST, "timeout"), TIMEOUT)

    def test_a_program_cannot_speak_for_the_guest(self):
        self.assertEqual(outcome(START + FIRST + ["end 2 0 5.0 0.5", "done"], "stopped"), NO_GUEST)


if __name__ == "__main__":
    unittest.main()
