"""What explains a broken promise, where it outlives the sandbox."""
import os
import shutil
import tempfile


def keep_logs(lab, name):
    """Copies every log of every host; returns the folder."""
    folder = tempfile.mkdtemp(prefix=f"clusteragent-{name}-")
    for host in os.listdir(lab.directory):
        logs = os.path.join(lab.directory, host)
        for file in os.listdir(logs) if os.path.isdir(logs) else []:
            if file.endswith(".log"):
                shutil.copyfile(os.path.join(logs, file), os.path.join(folder, f"{host}-{file}"))
    return folder
