module epochal.dev/tests/cluster/pause

go 1.26

tool epochal.dev/tests/cluster/pause
