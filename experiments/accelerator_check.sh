#!/usr/bin/env bash
# What only an accelerator can show, sized for 30 minutes: whether physics on the device agrees with
# MuJoCo's C code (in full float32: TF32 or bfloat16 would not), how fast every engine is, what an
# iteration spends its time on, and nine minutes of training that a second call continues.
#   experiments/accelerator_check.sh OUT [parity|sweep|profile|train ...]     all four by default
#   SMOKE=1      in miniature, as the tests run it on a CPU
#   PYTHON=python  the interpreter
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:?"name a folder for the results"}
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
      # Each call adds its minutes to those of the run so far.
      done=$("$python" -c 'import json, sys; print(json.loads(open(sys.argv[1]).readlines()[-1])["wall_minutes"])' \
        "$out/train/metrics.jsonl" 2> /dev/null || echo 0)
      "$python" -m experiments.train "${preset[@]}" "${few[@]}" --workdir="$out/train" \
        --max_minutes="$("$python" -c "print($done + $minutes)")"
      ;;
    *) echo "accelerator_check.sh: $step is no step; they are parity, sweep, profile and train" >&2; exit 2 ;;
  esac
done
