"""Makes the databases and the rows that SQLite reads from them. Run in this folder."""

import glob
import gzip
import json
import os
import sqlite3
import subprocess
import tempfile

RESERVED = {"reserved": 32}


def wide():
    """300 columns, a key of 30 of them."""
    columns = ", ".join(f"c{i} {'integer' if i % 3 else 'text'}" for i in range(300))
    yield f"pragma page_size = 512; create table wide ({columns});"
    for r in range(6):
        values = []
        for i in range(300):
            if (i + r) % 11 == 0:
                values.append("null")
            elif i % 3:
                values.append(str(i * 7919 * 10 ** (i % 8) % 10**9))
            else:
                values.append("'" + "w" * (i * r % 200) + "'")
        yield f"insert into wide values ({', '.join(values)});"
    key = ", ".join(f"c{i}" for i in range(0, 60, 2))
    yield f"create index wide_key on wide ({key});"


def value(v):
    if isinstance(v, bytes):
        return {"blob_hex": v.hex()}
    if isinstance(v, float):
        return {"real": repr(v)}
    return v


def text(raw):
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return TextBytes(raw)


class TextBytes:
    def __init__(self, raw):
        self.raw = raw


def make(name, script, path):
    if name in RESERVED:
        script = f".filectrl reserve_bytes {RESERVED[name]}\n" + script
        subprocess.run(["sqlite3", path], input=script, text=True, check=True, stdout=subprocess.DEVNULL)
    else:
        db = sqlite3.connect(path, isolation_level=None)
        db.executescript(script)
        db.close()
    for left in (path + "-wal", path + "-shm"):
        assert not os.path.exists(left), left


def read(path):
    db = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    db.text_factory = text
    assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
    for (table,) in db.execute("select name from sqlite_schema where type = 'table'").fetchall():
        try:
            rows = db.execute(f'select rowid, * from "{table}" order by rowid')
        except sqlite3.OperationalError:
            continue  # no rowid
        for row in rows:
            values = [
                {"text_hex": v.raw.hex()} if isinstance(v, TextBytes) else value(v) for v in row[1:]
            ]
            line = {"table": table, "rowid": row[0], "values": values}
            yield json.dumps(line, ensure_ascii=False) + "\n"
    db.close()


def pack(name, content):
    with open(name, "wb") as out:
        out.write(gzip.compress(content, mtime=0))


def main():
    scripts = {path[: -len(".sql")]: open(path).read() for path in glob.glob("*.sql")}
    scripts["wide"] = "\n".join(wide())
    for name, script in sorted(scripts.items()):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "made.db")
            make(name, script, path)
            pack(f"{name}.db.gz", open(path, "rb").read())
            pack(f"{name}.rows.ndjson.gz", "".join(read(path)).encode())


main()
