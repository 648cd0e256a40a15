"""What a module may have as third voter in the sandbox: our own witness or a real etcd, on the host `witness`.

A backend says what stands in userconfig.xml, starts on a lab and can be killed and started again; the rest is the
lab's: power, cables, loss.
"""
import os
import shutil
import signal
import subprocess

from sandboxlib.kernel import SandboxError, wait_for
from sandboxlib.layout import agent_binary

ADDRESS = "10.77.1.20"
ETCD_PORT = 2379
START_PATIENCE_S = 20.0


class OwnWitness:
    """clusteragent witness; it knows this cluster by its key."""
    check_section = f'<check><splitbrain ident="witness" exec="witness" arg="{ADDRESS}"/></check>'
    program = "clusteragent"

    def start(self, lab):
        lab.sandbox.share_key()
        root = lab.sandbox.root("witness")
        keys = os.path.join(root, "etc/clusteragent/witness.d")
        os.makedirs(keys, exist_ok=True)
        key = os.path.join(keys, "lab.key")
        shutil.copyfile(os.path.join(lab.sandbox.root("node1"), "etc/clusteragent/cluster.key"), key)
        os.chmod(key, 0o600)
        lab.sandbox.boot("witness", [agent_binary(), "--root", root, "witness", "run"])

    def kill(self, lab):
        """The process alone, at once; its host stays."""
        for pid in lab.sandbox.processes("witness", self.program):
            os.kill(pid, signal.SIGKILL)
        if not wait_for(lambda: not lab.sandbox.processes("witness", self.program), START_PATIENCE_S):
            raise SandboxError(f"{self.program} does not end")

    def restart(self, lab):
        for command in lab.sandbox.host("witness")["boot"]:
            lab.sandbox.start_registered("witness", command)


class Etcd(OwnWitness):
    """One member of etcd; its data outlive its process and its host's power, as files do."""
    program = "etcd"

    def __init__(self, certificates=None, dead_members=(), user_file=None):
        """certificates: a folder as made by make_certificates; then only clients that show one are heard. user_file:
        where the nodes find the user without whom etcd then does nothing."""
        self.certificates = certificates
        self.user_file = user_file
        self.url = f"{'https' if certificates else 'http'}://{ADDRESS}:{ETCD_PORT}"
        credentials = ""
        if certificates:
            credentials = " ".join(f'{name}="{certificates}/{file}"' for name, file in
                                   (("etcd_ca", "ca.pem"), ("etcd_cert", "node.pem"), ("etcd_key", "node.key")))
        if user_file:
            credentials += f' etcd_user_file="{user_file}"'
        members = " ".join((*dead_members, self.url))
        self.check_section = f'<check><splitbrain ident="witness" exec="etcd" arg="{members}" {credentials}/></check>'

    def start(self, lab):
        lab.sandbox.share_key()
        peers = "http://127.0.0.1:2380"
        argv = ["etcd", "--name", "lab", "--data-dir", self.data(lab), "--listen-client-urls", self.url,
                "--advertise-client-urls", self.url, "--listen-peer-urls", peers, "--initial-advertise-peer-urls",
                peers, "--initial-cluster", f"lab={peers}", "--heartbeat-interval", "20", "--election-timeout", "200",
                "--auto-compaction-mode", "revision", "--auto-compaction-retention", "1000"]
        if self.certificates:
            argv += ["--cert-file", f"{self.certificates}/server.pem", "--key-file", f"{self.certificates}/server.key",
                     "--trusted-ca-file", f"{self.certificates}/ca.pem", "--client-cert-auth"]
        lab.sandbox.boot("witness", argv)
        self.wait_healthy(lab)
        if self.user_file:
            with open(self.user_file, "w", encoding="ascii", opener=lambda *opened: os.open(*opened, 0o600)) as file:
                file.write("root:a secret\n")
            for words in (("user", "add", "root:a secret"), ("auth", "enable")):
                if (done := self.control(lab, *words)).returncode != 0:
                    raise SandboxError(f"etcdctl {' '.join(words)}: {done.stderr}")

    @staticmethod
    def data(lab):
        return os.path.join(lab.sandbox.host_directory("witness"), "etcd")

    def wait_healthy(self, lab):
        if not wait_for(lambda: self.control(lab, "endpoint", "health").returncode == 0, START_PATIENCE_S):
            raise SandboxError(f"etcd does not become healthy: {self.control(lab, 'endpoint', 'health').stderr}")

    def control(self, lab, *words):
        """etcdctl on etcd's own host."""
        options = ["--endpoints", self.url]
        if self.certificates:
            options += ["--cacert", f"{self.certificates}/ca.pem", "--cert", f"{self.certificates}/node.pem", "--key",
                        f"{self.certificates}/node.key"]
        init = str(lab.sandbox.running("witness")["pid"])
        return subprocess.run(["nsenter", "-t", init, "-a", "env", "ETCDCTL_API=3", "etcdctl", *options, *words],
                              capture_output=True, text=True, timeout=START_PATIENCE_S, check=False)

    def restart(self, lab):
        super().restart(lab)
        self.wait_healthy(lab)


def make_certificates(folder):
    """An authority, etcd's certificate for its address, and the nodes'. etcd's JSON gateway speaks to etcd itself with
    the server's certificate, which must therefore be one for clients, too."""
    os.makedirs(folder, exist_ok=True)

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, capture_output=True, timeout=60, check=True)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=lab authority")
    for name, extensions in (("server", f"subjectAltName=IP:{ADDRESS}\nextendedKeyUsage=serverAuth,clientAuth\n"),
                             ("node", "extendedKeyUsage=clientAuth\n")):
        with open(os.path.join(folder, f"{name}.ext"), "w", encoding="ascii") as file:
            file.write(extensions)
        openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        os.chmod(os.path.join(folder, f"{name}.key"), 0o600)
    return folder
