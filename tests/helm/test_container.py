"""The image and the systemd unit: linted, and the program started inside the image's root file system as its user."""

import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import tomllib
import unittest
import urllib.error
import urllib.request

from rendered import BIN, PROGRAM, ROOT, configuration, pod, promtool, render

FOLDER = ROOT / "gateway/container"
DOCKERFILE = FOLDER / "Dockerfile"
UNIT = ROOT / "gateway/systemd/muara.service"
SECRET = "rahasia"
REPORT = json.dumps(
    {
        "id": 90210,
        "title": "Lubang di jalan",
        "description": "Lubang besar di depan SDN 01 Pejaten, sudah dua motor jatuh.",
        "timestamp": "2026-11-03 10:10:00",
        "location": {"lat": -6.2746, "lng": 106.8316},
    }
).encode()


def get(url, **more):
    """Status and body."""
    request = urllib.request.Request(url, **more)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


class Dockerfile(unittest.TestCase):
    def test_hadolint_finds_nothing(self):
        done = subprocess.run([BIN / "hadolint", DOCKERFILE], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_it_builds_with_the_workspaces_compiler(self):
        [version] = re.findall(r"^FROM rust:([\d.]+)-slim-\w+ AS", DOCKERFILE.read_text(), re.M)
        workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
        self.assertEqual(version, workspace["rust-version"])

    def test_its_user_is_the_charts(self):
        [user] = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE.read_text(), re.M)
        context = pod(render())["securityContext"]
        self.assertEqual(user, (str(context["runAsUser"]), str(context["runAsGroup"])))

    def test_the_context_has_what_cargo_needs(self):
        kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
        with tempfile.TemporaryDirectory() as folder:
            for name in kept:
                there = pathlib.Path(folder, name)
                there.parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, there)
                else:
                    shutil.copy(ROOT / name, there)
            manifest = f"--manifest-path={folder}/Cargo.toml"
            wanted = ["cargo", "metadata", "--no-deps", "--offline", "--format-version=1", manifest]
            done = subprocess.run(wanted, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            names = {package["name"] for package in json.loads(done.stdout)["packages"]}
            self.assertEqual(names, {"muara", "muara-connectors", "muara-normalizer", "muara-tests"})
            crates = [pathlib.Path(folder, name) for name in ("gateway", "connectors", "normalizer")]
            for source in (file for crate in crates for file in crate.rglob("src/**/*.rs")):
                for path in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', source.read_text()):
                    self.assertTrue((source.parent / path).is_file(), f"{source}: {path}")


class Image(unittest.TestCase):
    """The root file system that the Dockerfile makes, with the configuration that the chart makes."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="muara-image-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.root = pathlib.Path(cls.folder.name)
        cls.root.chmod(0o755)
        subprocess.run([FOLDER / "rootfs", PROGRAM, cls.root], check=True)
        file = configuration(render(), cls.root / "etc/muara")
        # ports of its own: others are tested on this machine, too
        file.write_text(re.sub(r'"0\.0\.0\.0:\d+"', '"127.0.0.1:0"', file.read_text()))
        [env] = re.findall(r"^ENV ((?:.*\\\n)*.*)$", DOCKERFILE.read_text(), re.M)
        cls.env = {**dict(re.findall(r"(\w+)=(\S+)", env)), "QLUE_SECRET": SECRET}
        data = cls.root / "var/lib/muara"
        if os.getuid() == 0:
            os.chown(data, 65532, 65532)
            cls.enter = ["chroot", "--userspec=65532:65532", str(cls.root)]
        else:
            cls.enter = ["unshare", "--map-root-user", "chroot", str(cls.root)]

    def start(self, *arguments):
        tool = shutil.which(self.enter[0], path=f"{os.environ['PATH']}:/usr/sbin")
        command = [tool, *self.enter[1:], "/usr/local/bin/muara", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.env, cwd="/", text=True, stdout=pipe, stderr=pipe)

    def test_it_holds_no_shell(self):
        files = {str(file.relative_to(self.root)) for file in self.root.rglob("*") if file.is_file()}
        programs = {name for name in files if re.search(r"(^|/)s?bin/", name)}
        self.assertEqual(programs, {"usr/local/bin/muara"})
        known = r"usr/local/bin/muara$|etc/|(usr/)?lib(64)?/|usr/share/zoneinfo/|var/lib/muara/"
        self.assertEqual({name for name in files if not re.match(known, name)}, set())
        self.assertIn("usr/share/zoneinfo/Asia/Jakarta", files)

    def test_the_charts_configuration_is_valid_inside(self):
        program = self.start("check")
        out, err = program.communicate(timeout=60)
        self.assertEqual(program.returncode, 0, err)
        self.assertIn("1 channels, 0 of them off", out)

    def test_it_serves_as_nobody_and_drains_on_sigterm(self):
        program = self.start("serve")
        self.addCleanup(program.__exit__, None, None, None)
        self.addCleanup(program.kill)
        said = []
        for line in program.stderr:
            said.append(line)
            if "takes messages in" in line:
                break
        self.assertTrue(said and said[-1].startswith("{"), "".join(said))
        fields = {**(told := json.loads(said[-1])), **told.get("fields", {})}
        public, internal = f"http://{fields['public']}", f"http://{fields['internal']}"
        [container] = pod(render())["containers"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            status, body = get(internal + container[probe]["httpGet"]["path"])
            self.assertEqual(status, 200, body)
        # a complaint is taken in, and is on the volume
        signature = "sha256=" + hmac.new(SECRET.encode(), REPORT, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "x-qlue-signature": signature}
        status, body = get(f"{public}/in/qlue", data=REPORT, headers=headers)
        self.assertEqual(status, 202, body)
        status, metrics = get(f"{internal}/metrics")
        self.assertEqual(status, 200)
        done = subprocess.run([promtool(), "check", "metrics"], input=metrics, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        data = self.root / "var/lib/muara"
        self.assertTrue((data / "muara.db").is_file())
        self.assertEqual(stat.S_IMODE((data / "privacy.key").stat().st_mode), 0o600)
        program.send_signal(signal.SIGTERM)
        out, err = program.communicate(timeout=pod(render())["terminationGracePeriodSeconds"])
        self.assertEqual(program.returncode, 0, err)
        self.assertIn("Muara has stopped", err)


class Unit(unittest.TestCase):
    def analyze(self, *arguments):
        tool = shutil.which("systemd-analyze")
        if tool is None:
            self.skipTest("systemd-analyze is not on this machine")
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder, UNIT.name)
            unit.write_text(UNIT.read_text().replace("/usr/local/bin/muara", str(PROGRAM)))
            return subprocess.run([tool, *arguments, unit], capture_output=True, text=True)

    def test_systemd_understands_it(self):
        done = self.analyze("verify", "--man=no")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_it_is_confined(self):
        # 0 is confined, 100 is not
        done = self.analyze("security", "--offline=yes", "--no-pager", "--threshold=15")
        self.assertEqual(done.returncode, 0, done.stdout[-500:] + done.stderr)

    def test_it_may_finish_what_it_began(self):
        [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.M)
        self.assertEqual(int(seconds), pod(render())["terminationGracePeriodSeconds"])


if __name__ == "__main__":
    unittest.main()
