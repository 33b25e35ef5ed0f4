# On Google Colab: fetch the book and install its package. Elsewhere this cell does nothing.
import os
import sys
from subprocess import run

if "google.colab" in sys.modules and not os.path.exists("pyproject.toml"):
    url = os.environ.get("REPOSITORY_URL", "")
    assert url, "open this notebook with the book's Colab button, or set REPOSITORY_URL"
    if not os.path.exists("recohort"):
        run(["git", "clone", "--quiet", "--depth", "1", url, "recohort"], check=True)
    os.chdir("recohort")
    run([sys.executable, "-m", "pip", "install", "--quiet", "."], check=True)
