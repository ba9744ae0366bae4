#!/usr/bin/env python3
"""Writes the data files of the rule examples, and their expected results, by plain Python.

Only the standard library; the numbers are made up and the same on every run. The expected results
are computed here, with branches and without Tautochrone; a test compares the command with them.
"""
import csv
import hashlib
import json
import pathlib
import random

HERE = pathlib.Path(__file__).parent


def table(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def truth(value):
    return "true" if value else "false"


def document(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def auction():
    folder, dice = HERE / "auction", random.Random(5)
    bids = [dice.randrange(1_000, 90_000) for _ in range(16)]
    for number, bid in enumerate(bids):
        table(folder / f"bidder{number:02}.csv", [f"bid{number:02}"], [[bid]])
    ranked = sorted(range(16), key=lambda n: -bids[n])
    document(folder / "expected" / "auctioneer.json",
             {"outputs": {"price": bids[ranked[1]], "winner": ranked[0]}, "rows": 1, "clamped": {}})
    parties = ", ".join(f"bidder{n:02}" for n in range(16))
    lines = ["-- A sealed-bid second-price auction: the highest bidder pays the second highest bid.",
             "-- The auctioneer learns the winner and the price, and no other bid.",
             f"PARTY auctioneer, {parties};", ""]
    lines += [f"INPUT FROM bidder{n:02} ONCE ( bid{n:02} i64 RANGE 0 TO 100000 );" for n in range(16)]
    bids = ",\n            ".join(", ".join(f"bid{n:02}" for n in range(r, r + 4)) for r in range(0, 16, 4))
    lines += ["", f"LET bids = [{bids}];", "-- the first of equal bids wins",
              "LET winner = argmax(bids);", "LET ranked = sort_desc(bids);", "",
              "OUTPUT TO auctioneer ONCE winner = winner;", "OUTPUT TO auctioneer ONCE price = ranked[1];"]
    lines += [f"OUTPUT TO bidder{n:02} ONCE won = winner = {n};" for n in range(16)]
    (folder / "auction.rule").write_text("\n".join(lines) + "\n")


def credit():
    folder, dice = HERE / "credit", random.Random(6)
    north = {"north_min_score": 45, "north_max_debt_share": "0.4"}
    south = {"south_min_age": 21, "south_cuts": [1_000, 2_500, 5_000], "south_points": [0, 10, 25, 40],
             "south_pass": 35}
    document(folder / "north.json", north)
    document(folder / "south.json", south)
    rows, answers, passed = [], [], [0, 0]
    clamped = 0
    for number in range(200):
        age = dice.randrange(17, 90)
        income = dice.randrange(400, 9_000) + dice.randrange(4) / 4
        debt = dice.randrange(0, 4_000)
        years = dice.randrange(0, 30)
        defaults = dice.choice([0, 0, 0, 1, 2])
        rows.append([age, income, debt, years, defaults])
        clamped += age < 18
        age = max(age, 18)
        points = 0
        points += 0 if age < 25 else 10 if age < 40 else 15
        points += 0 if income < 1_000 else 10 if income < 2_500 else 20 if income < 5_000 else 30
        points += 0 if years < 2 else 10 if years < 5 else 15
        points -= 20 if defaults else 0
        share = 102 / 256  # 0.4 as fixed(8): the nearest multiple of 1/256
        ok_north = points >= north["north_min_score"] and debt <= share * income
        own = 0
        for cut, gain in zip(south["south_cuts"], south["south_points"][1:]):
            own = gain if income >= cut else own
        ok_south = age >= south["south_min_age"] and defaults == 0 and own >= south["south_pass"]
        answers.append([truth(ok_north or ok_south), truth(ok_north), truth(ok_south)])
        passed[0] += ok_north
        passed[1] += ok_south
    table(folder / "applicants.csv", ["age", "income", "debt", "years", "defaults"], rows)
    table(folder / "expected" / "applicants.csv", ["approved", "north", "south"], answers)
    document(folder / "expected" / "applicants.json", {"outputs": {}, "rows": 200,
             "clamped": {"age": clamped, "income": 0, "debt": 0, "years": 0, "defaults": 0}})
    document(folder / "expected" / "north.json", {"outputs": {"approved": passed[0]}, "rows": 200, "clamped": {}})
    document(folder / "expected" / "south.json", {"outputs": {"approved": passed[1]}, "rows": 200, "clamped": {}})


def eligibility():
    """40 masked comparisons of ten columns: four thresholds for each."""
    folder, dice = HERE / "eligibility", random.Random(7)
    names = [f"m{n}" for n in range(10)]
    low, high, avoid, need = ([dice.randrange(50, 200) for _ in names], [dice.randrange(700, 990) for _ in names],
                              [dice.randrange(0, 1000) for _ in names], [dice.randrange(100, 400) for _ in names])
    document(folder / "trial.json", {"low": low, "high": high, "avoid": avoid, "need": need})
    rows = [[dice.randrange(0, 1000) for _ in names] for _ in range(100)]
    answers = []
    for row in rows:
        inside = all(a <= x <= b for a, x, b in zip(low, row, high))
        clear = all(x != a for a, x in zip(avoid, row))
        strong = sum(x > n for n, x in zip(need, row)) >= 8
        answers.append([truth(inside and clear and strong)])
    table(folder / "patients.csv", names, rows)
    table(folder / "expected" / "clinic.csv", ["eligible"], answers)
    count = sum(a == ["true"] for a in answers)
    document(folder / "expected" / "sponsor.json", {"outputs": {"eligible": count}, "rows": 100, "clamped": {}})
    lines = ["-- Which patients fit a trial? 40 masked comparisons a row; the sponsor's thresholds stay secret,",
             "-- and the sponsor learns only how many fit.", "PARTY clinic, sponsor;", "ROWS UP TO 1000000;", "",
             "INPUT FROM clinic EACH ROW ("]
    lines += [",\n".join(f"    {n} i64 RANGE 0 TO 1000" for n in names), ");",
              "PARAM FROM sponsor (", "    low i64[10] RANGE 0 TO 1000, high i64[10] RANGE 0 TO 1000,",
              "    avoid i64[10] RANGE 0 TO 1000, need i64[10] RANGE 0 TO 1000", ");", "",
              f"LET m = [{', '.join(names)}];",
              "LET inside = all(m BETWEEN low AND high);   -- 20 comparisons",
              "LET clear = all(m <> avoid);                -- 10",
              "LET strong = count(m > need) >= 8;          -- 10 and a count",
              "LET eligible = inside AND clear AND strong;", "",
              "OUTPUT TO clinic EACH ROW eligible = eligible;", "OUTPUT TO sponsor ONCE eligible = count(eligible);"]
    (folder / "eligibility.rule").write_text("\n".join(lines) + "\n")


def identifier(text):
    return "0x" + hashlib.sha256(text.encode()).hexdigest()


def sanctions():
    folder, dice = HERE / "sanctions", random.Random(8)
    listed = [identifier(f"listed party {n}") for n in range(1000)]
    document(folder / "list.json", {"listed": listed})
    rows, answers = [], []
    for number in range(40):
        hit = dice.random() < 0.2
        payer = dice.choice(listed) if hit else identifier(f"payer {number}")
        amount = dice.randrange(1, 20_000)
        rows.append([payer, amount])
        answers.append([truth(hit)])
    table(folder / "payments.csv", ["payer", "amount"], rows)
    table(folder / "expected" / "bank.csv", ["stop"], answers)
    total = sum(row[1] for row, answer in zip(rows, answers) if answer == ["true"])
    hits = sum(answer == ["true"] for answer in answers)
    document(folder / "expected" / "authority.json",
             {"outputs": {"amount": total, "hits": hits}, "rows": 40, "clamped": {}})


def triage():
    """Patients: measurements of the demo's held-out rows, the rest made up. The expected result needs
    the model: `client/tests/command/rule.rs` computes it from `tautochrone score`."""
    folder, dice = HERE / "triage", random.Random(9)
    document(folder / "hospital.json", {"soon": 20, "now": 40})
    with open(HERE / "demo" / "rows.csv") as file:
        cells = list(csv.reader(file))[1:41]
    rows = [row + [dice.randrange(18, 95), dice.randrange(0, 250), truth(dice.random() < 0.3)] for row in cells]
    header = [f"cell_{n}" for n in range(30)] + ["age", "days_waiting", "urgent"]
    table(folder / "patients.csv", header, rows)


if __name__ == "__main__":
    triage()
    auction()
    credit()
    eligibility()
    sanctions()
