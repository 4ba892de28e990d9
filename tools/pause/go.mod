module tritonup/tools/pause

go 1.25.0
