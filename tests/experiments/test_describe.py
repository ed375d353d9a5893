"""The output of `experiments.describe`."""

from experiments import describe


def test_it_prints_the_tables_of_a_configuration(capsys):
    arguments = [
        "--config.env.policy_observation=paper",
        "--config.network.dense=(8,)",
        "--config.network.lstm=4",
        "--config.randomization=all",
        "--config.terms.gravity.enabled=false",
    ]
    assert describe.main(arguments) == 0
    text = capsys.readouterr().out
    lines = [line.split() for line in text.splitlines()]
    assert ["rh_THJ1", "23", "23", "-0.262", "1.571", "0.203", "0"] in lines
    assert ["rh_A_FFJ0", "FFJ2", "+", "FFJ1", "0.000", "3.142", "9.14", "0.466"] in lines
    assert "Observation of the policy, 'paper': 22 numbers" in text
    assert ["18", "4", "1", "rotation", "left", "to", "the", "goal", "w,", "x,", "y,", "z"] in lines
    average = "a moving average of actions keeps 0.3 per 80 ms"
    assert f"Action: 20 actuators x 11 bins, relative; {average}" in text
    assert ["friction", "on", "physics", "low", "0.7,", "high", "1.3", "Table", "1"] in lines
    assert ["gravity", "off", "physics", "deviation", "0.4", "m/s2", "Table", "1"] in lines
    # Dense 8 (22 -> 8), LSTM 4 of 8 + 4 inputs with four gates, head 4 -> 220.
    (policy,) = (line for line in lines if line[:2] == ["policy", "22"])
    assert policy[-1] == f"{(22 + 1) * 8 + 4 * (8 + 4 + 1) * 4 + (4 + 1) * 220:,}"


def test_it_names_what_is_hidden(capsys):
    terms = ("friction", "backlash")
    arguments = [f"--config.terms.{name}.enabled=true" for name in terms]
    arguments += ["--config.randomization=none", "--config.env.value_observation=privileged"]
    assert describe.main(arguments) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    (where,) = (i for i, line in enumerate(lines) if line.endswith("what the physics terms drew"))
    assert lines[where : where + 5] == [
        "142 1 as drawn hidden: what the physics terms drew",
        "143 2 1 hidden: strengths of the enabled terms",
        "145 20 1 hidden: backlash position",
        "165 20 1/(rad s) hidden: backlash down",
        "185 20 1/(rad s) hidden: backlash up",
    ]
