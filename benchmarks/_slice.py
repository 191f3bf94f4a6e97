import sys
from benchmarks.alternation import Worker, measure
from benchmarks.rows import ROWS
if __name__ == "__main__":
    import re
    peers = sys.argv[1].split(","); pat = sys.argv[2]; rounds=int(sys.argv[3])
    ws = {p: Worker(p, 2) for p in peers}
    for w in ws.values(): w.greet()
    print({p:w.version for p,w in ws.items()})
    for row in ROWS:
        if re.search(pat,row.name):
            m = measure(row, ws, rounds)
            print(row.name, {p: f"{m.median(p)*1e3:.2f}±{m.spread(p):.0%}" for p in m.values}, m.void, f"{row.flops/1e9:.2f} GF", flush=True)
    print({p:w.idle for p,w in ws.items()})
