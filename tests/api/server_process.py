"""A `vivace serve` process for the tests: started on a free port, its metrics read, stopped by signal."""
import re
import signal
import subprocess
import threading
import time
import urllib.request

READY = re.compile(r"vivace: serving (\S+) on http://(?:127\.0\.0\.1|0\.0\.0\.0):(\d+) ")


class ServerProcess:
    """Runs from construction to stop(). Lines of stderr are kept in `lines`."""

    def __init__(self, program, model, *arguments, ready_within=60):
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [program, "serve", model, "--port", "0", "--served-model-name", "smollm2-135m", *arguments],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.lines, self.port = [], None
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(ready_within) or self.port is None:
            self.process.kill()
            raise RuntimeError("the server did not become ready:\n" + "".join(self.lines))
        self.ready_after = time.monotonic() - self.started
        self.url = f"http://127.0.0.1:{self.port}"

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            if match := READY.match(line):
                self.port = int(match.group(2))
                self._ready.set()
        self._ready.set()

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as reply:
            return reply.read().decode()

    def metric(self, name):
        """The sum of all lines of the metric."""
        lines = [line for line in self.get("/metrics").splitlines() if line.startswith((name + "{", name + " "))]
        if not lines:
            raise KeyError(name)
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def wait_idle(self, within=3.0):
        """Seconds until nothing runs and no block is held; raises after `within`."""
        begin = time.monotonic()
        names = ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc")
        while time.monotonic() - begin < within:
            if all(self.metric(name) == 0 for name in names):
                return time.monotonic() - begin
            time.sleep(0.02)
        raise TimeoutError({name: self.metric(name) for name in names})

    def send(self, sent):
        self.process.send_signal(sent)

    def wait(self, within=30):
        status = self.process.wait(within)
        self._reader.join(5)
        return status

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        self.process.stderr.close()
