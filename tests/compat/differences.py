"""differences.txt: what two brokers may print differently."""
import pathlib
import re

_FILE = pathlib.Path(__file__).with_name("differences.txt")


class Differences:
    def __init__(self, file=_FILE):
        self._rows = []
        for line in file.read_text().splitlines():
            if line and not line.startswith("#"):
                where, what, reason = line.split(" :: ")
                self._rows.append([where, what, reason, False])

    def _matching(self, step):
        return [row for row in self._rows if re.fullmatch(row[0], step)]

    def without(self, step, text):
        """The text without what may differ; a line of which nothing is left goes."""
        lines = text.splitlines()
        for row in self._matching(step):
            changed = []
            for line in lines:
                kept, count = re.subn(row[1], "", line)
                row[3] = row[3] or count > 0
                if kept or not count:
                    changed.append(kept)
            lines = changed
        return lines

    def without_configs(self, step, configs):
        """A dict without the names that may differ."""
        kept = dict(configs)
        for row in self._matching(step):
            for name in [name for name in kept if re.fullmatch(row[1], name)]:
                row[3] = True
                del kept[name]
        return kept

    def unused(self):
        return [" :: ".join(row[:3]) for row in self._rows if not row[3]]
