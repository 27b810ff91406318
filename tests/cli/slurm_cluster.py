"""A Slurm cluster of this machine alone: munged, slurmctld and several slurmd on loopback, everything below one folder, stopped
by the process ids that they leave. Debian: slurmctld, slurmd, slurm-client, munge; as root."""
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "sinfo")
CONFIG = """\
ClusterName=octet
SlurmctldHost=localhost
SlurmUser=root
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SlurmdTimeout=5
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=1
NodeName=n[1-{nodes}] NodeHostname=localhost NodeAddr=127.0.0.1 Port={first}-{last} CPUs=2 RealMemory=2048 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """Why there can be no cluster here; empty where there can."""
    gone = [name for name in PROGRAMS if not shutil.which(name)]
    if gone:
        return f"no {gone[0]} here"
    return "" if os.geteuid() == 0 else "Slurm's daemons want root"


def free_ports(count):
    """As many ports in a row that nobody listens on."""
    for first in range(17100, 60000, count):
        sockets = []
        try:
            for port in range(first, first + count):
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise RuntimeError("no free ports")


class Cluster:
    """start() and stop(); `nodes` nodes n1, n2, ... of two processors each."""

    def __init__(self, folder, nodes):
        self.folder, self.nodes = Path(folder), nodes
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def run(self, *words, check=True):
        done = subprocess.run([str(word) for word in words], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        if check and done.returncode != 0:
            raise RuntimeError(f"{words}: {done.stdout}")
        return done.stdout

    def start(self):
        """RuntimeError where it cannot be."""
        self.folder.mkdir(mode=0o755)
        for name in ("state", *(f"spool.n{i + 1}" for i in range(self.nodes))):
            (self.folder / name).mkdir(mode=0o755)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        port = free_ports(self.nodes + 1)
        (self.folder / "slurm.conf").write_text(CONFIG.format(
            folder=self.folder, port=port, first=port + 1, last=port + self.nodes, nodes=self.nodes))
        try:
            self.run("munged", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.socket",
                     f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
                     f"--seed-file={self.folder}/munged.seed")
            self.run("slurmctld")
            for i in range(self.nodes):
                self.start_node(f"n{i + 1}")
            self.wait_for(lambda: self.run("sinfo", "-h", "-o", "%T %D", check=False).split() == ["idle", str(self.nodes)], 30)
            # Daemons that answer are no cluster yet: a job has to run.
            job = self.run("sbatch", "--parsable", "--output=/dev/null", "--wrap", "true").strip()
            self.wait_for(lambda: self.state_of(job) == ["COMPLETED"], 40)
        except BaseException:
            self.stop()
            raise
        return self

    def start_node(self, name):
        self.run("slurmd", "-N", name)

    def kill_node(self, name):
        """As where its power goes: the daemon, and all that runs on the node."""
        steps = self.steps(f"slurmd.{name}.log")
        self.kill(int((self.folder / f"slurmd.{name}.pid").read_text()))
        for step in steps:
            for process in [*self.below(step), step]:
                self.kill(process)

    def steps(self, log=""):
        """What watches over jobs of this cluster; of a node, which writes into this log."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if Path(f"/proc/{entry}/cmdline").read_bytes().startswith(b"slurmstepd") and \
                        any(link.startswith(str(self.folder / log)) for link in self.files_of(entry)):
                    found.append(int(entry))
            except OSError:
                pass  # it is gone
        return found

    def files_of(self, process):
        found = []
        for entry in os.listdir(f"/proc/{process}/fd"):
            try:
                found.append(os.readlink(f"/proc/{process}/fd/{entry}"))
            except OSError:
                pass
        return found

    def below(self, process):
        try:
            children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        except OSError:
            return []
        return [found for child in children for found in [*self.below(int(child)), int(child)]]

    def kill(self, process):
        try:
            os.kill(process, signal.SIGKILL)
        except OSError:
            pass

    def wait_for(self, is_so, seconds):
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                raise RuntimeError(f"not within {seconds} s: {self.run('squeue', check=False)}{self.run('sinfo', check=False)}")
            time.sleep(0.2)

    def state_of(self, job):
        """States of the tasks of a job that slurmctld still knows."""
        text = self.run("scontrol", "show", "job", job, check=False)
        return [word.split("=")[1] for word in text.split() if word.startswith("JobState=")]

    def stop(self):
        for step in self.steps():
            for process in [*self.below(step), step]:
                self.kill(process)
        for name in [*(f"slurmd.n{i + 1}" for i in range(self.nodes)), "slurmctld", "munged"]:
            try:
                self.kill(int((self.folder / f"{name}.pid").read_text()))
            except (OSError, ValueError):
                pass
