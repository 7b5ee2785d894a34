"""Apache Kafka's jars, fetched by Maven (kafka_jars.xml) into ~/.cache/gregor-kafka/<release>, and running what is in them.

Needs a JDK or JRE 17 and Maven. What was fetched once is used again; nothing is fetched by importing this file.
"""
import fcntl
import os
import pathlib
import subprocess

_POM = pathlib.Path(__file__).with_name("kafka_jars.xml")
_CACHE = pathlib.Path(
    os.environ.get("GREGOR_KAFKA_JARS")
    or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "gregor-kafka")


def class_path(release):
    """The class path of a release; fetches the jars the first time."""
    folder = _CACHE / release
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            subprocess.run(
                ["mvn", "-q", "-B", "-f", _POM, "dependency:copy-dependencies", f"-Dkafka.version={release}",
                 f"-DoutputDirectory={folder / 'jars'}", f"-DbuildDirectory={folder / 'build'}"],
                check=True, stdin=subprocess.DEVNULL, timeout=900)
            (folder / "complete").touch()
    return f"{folder / 'jars'}/*"


def java(release, options=(), log_level="error", classes=None):
    """The words of a command line up to, not including, the class. The program's log goes to standard error. `classes`: a folder
    with more classes."""
    path = class_path(release) if classes is None else f"{classes}:{class_path(release)}"
    return ["java", *options, f"-Dorg.slf4j.simpleLogger.defaultLogLevel={log_level}",
            "-Dorg.slf4j.simpleLogger.showDateTime=true", "-cp", path]


def compile_java(release, source, folder):
    """Compiles a program that uses the jars; the compiler is in a JRE too."""
    jars = ":".join(map(str, pathlib.Path(class_path(release)).parent.glob("*.jar")))
    done = subprocess.run(
        ["java", "-m", "jdk.compiler/com.sun.tools.javac.Main", "-proc:none", "-cp", jars, "-d", folder, source], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{source} does not compile:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def run(release, class_name, *arguments, timeout=300, check=True, given=None, heap="256m"):
    """Runs a tool to its end. Gives the CompletedProcess, its output as text; `given` is its standard input."""
    command = java(release, [f"-Xmx{heap}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
    command += [class_name, *map(str, arguments)]
    done = subprocess.run(
        command, input=given if given is not None else "", capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise RuntimeError(f"{class_name} {release} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done
