#!/bin/sh
# A CLI that waits three seconds and answers, in Claude Code's two-way protocol.
s='"session_id":"00000000-0000-4000-8000-000000000000","uuid":"u"'
while IFS= read -r line; do
  case $line in
  '{"type":"user"'*)
    sleep 3
    printf '%s\n' \
      '{"type":"system","subtype":"init","cwd":"/","tools":[],"mcp_servers":[],"model":"m","permissionMode":"default","claude_code_version":"0.0.0",'"$s}" \
      '{"type":"result","subtype":"success","is_error":false,"duration_ms":1,"duration_api_ms":1,"num_turns":1,"result":"ok","stop_reason":"end_turn","total_cost_usd":0.0,"usage":{"input_tokens":1,"output_tokens":1},"modelUsage":{},"permission_denials":[],'"$s}"
    ;;
  esac
done
