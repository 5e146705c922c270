# Takes the YAML blocks of a page apart, into files that linters read: `awk -v dir=DIR -f recipes.awk PAGE…`.
# The first line of a block says what it is: the path of a workflow, `.gitlab-ci.yml`, or a step.

FNR == 1 { page = FILENAME; gsub(/.*\/|\.md$/, "", page) }

/^```yaml$/ {
    getline
    name = page "-" FNR ".yml"
    step = 0
    if ($0 ~ /^# \.github\/workflows\/[a-z-]+\.yml$/) out = dir "/.github/workflows/" name
    else if ($0 == "# .gitlab-ci.yml") out = dir "/gitlab/" name
    else if ($0 == "# a step of a workflow") {
        out = dir "/.github/workflows/" name
        step = 1
        print "name: step\non: push\npermissions: {}\njobs:\n  job:\n    runs-on: ubuntu-24.04\n    steps:" > out
        print "      - uses: hob-dev/hob@0000000000000000000000000000000000000000\n        id: hob" > out
    } else {
        print FILENAME ":" FNR ": this block does not say what it is: `" $0 "`" > "/dev/stderr"
        failed = 1
        exit
    }
    code = 1
}

/^```$/ { code = 0 }

code { print (step ? "      " : "") $0 > out }

END { exit failed }
