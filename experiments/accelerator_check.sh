#!/usr/bin/env bash
# Checks that need an accelerator, in 30 minutes:
#   parity   physics on the device agrees with MuJoCo's C code; this needs full float32, and fails
#            with TF32 or bfloat16
#   sweep    speed of every engine
#   profile  profile of a training iteration
#   train    nine minutes of training; another call continues the run
# Usage: experiments/accelerator_check.sh OUT [parity|sweep|profile|train ...]   default: all four
#   SMOKE=1        reduced size, as in the tests on a CPU
#   PYTHON=python  the interpreter
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:?"give a folder for the results"}
shift
steps=${*:-parity sweep profile train}
python=${PYTHON:-python}
mkdir -p "$out"
out=$(cd "$out" && pwd)
export JAX_COMPILATION_CACHE_DIR=${JAX_COMPILATION_CACHE_DIR:-$out/jax_cache}

if [ -n "${SMOKE:-}" ]; then
  engines=native envs=4 minutes=60
  sizes=(--config.env.bank_size=8 "--config.network.dense=(8,)" --config.network.lstm=8 --config.adr.enabled=false)
  sizes+=(--config.run.eval_trials=2 --config.env.goal_timeout_s=0.8 --config.env.max_goals=2)
  tests=(tests/physics/test_mjx.py -k too_little_room)
  few=(--config.num_envs=4)
  sizes+=(--config.run.max_iterations=2)
else
  engines=$("$python" -c 'import jax; print("mjx-jax" if jax.default_backend() == "tpu" else "mjx-warp,mjx-jax")')
  envs=1024,2048,4096,8192,16384,32768 minutes=9
  sizes=() few=()
  tests=(tests/physics/test_mjx.py tests/envs/test_engines.py)
fi
preset=(--config=experiments/configs/dactyl.py "${sizes[@]}")

for step in $steps; do
  echo "== $step"
  case $step in
    parity) "$python" -m pytest -q -p no:cacheprovider "${tests[@]}" ;;
    sweep)
      "$python" -m experiments.benchmark --sweep --engines="$engines" --envs="$envs" --seconds=1 \
        "${preset[@]}" --json="$out/sweep.json" --plot="$out/sweep.png"
      ;;
    profile) "$python" -m experiments.profile "${preset[@]}" "${few[@]}" --out="$out/trace" ;;
    train)
      # Each call adds its minutes to the run's total.
      done=$("$python" -c 'import json, sys; print(json.loads(open(sys.argv[1]).readlines()[-1])["wall_minutes"])' \
        "$out/train/metrics.jsonl" 2> /dev/null || echo 0)
      "$python" -m experiments.train "${preset[@]}" "${few[@]}" --workdir="$out/train" \
        --max_minutes="$("$python" -c "print($done + $minutes)")"
      ;;
    *) echo "accelerator_check.sh: $step is not a step; use parity, sweep, profile or train" >&2; exit 2 ;;
  esac
done
