"""The script in the pod of pod_time.py: trainings and imports of Keras, one after another, each in a new process.

It runs in the trainer's image, as the command of a raw Job, and prints a line for each: who, the uid of the training,
seconds. Outside of a pod, it takes the trainer's further arguments, such as --data FOLDER.
"""

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

job = json.loads(Path(os.environ.get("JOB", "/etc/epochal/job.json")).read_text())
for who in os.environ["TURNS"].split():
    job["metadata"]["uid"] = str(uuid.uuid4())
    job["spec"]["results"]["exports"] = ["onnx"] if who == "onnx" else []
    file = Path(os.environ.get("TMPDIR", "/tmp")) / "bench-job.json"
    file.write_text(json.dumps(job))
    command = ["-c", "import tensorflow, keras"]
    if who != "import":
        command = ["-m", "epochal_trainer", "run", str(file), *sys.argv[1:]]
    began = time.monotonic()
    done = subprocess.run([sys.executable, *command], text=True, check=False, capture_output=True)
    seconds = time.monotonic() - began
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    print("Turn:", who, job["metadata"]["uid"], seconds, flush=True)
