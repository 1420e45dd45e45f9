"""Does the diagnosis find what is wrong, and leave alone what is not? Faults put into training.

    .venv/bin/python -m benchmarks.diagnosis

bank.py says which runs there are and on which half each lies: thresholds are chosen on one, and
what is printed is measured on the other, which differs by data set, seed and strength of the fault.
faults.py has the faults, training.py trains (runs are kept in benchmarks/.cache until the model's
code changes), sagemaker.py has the general rules that ours are measured beside.
"""
