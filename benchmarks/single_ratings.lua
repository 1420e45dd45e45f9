-- PUT ratings of many users and items, each pair in turn.
local sent = 0

request = function()
  sent = sent + 1
  local user, item = sent * 7919 % 6040 + 1, sent * 104729 % 3000 + 1
  local path = "/v1/users/" .. user .. "/ratings/" .. item
  local headers = {["Content-Type"] = "application/json"}
  return wrk.format("PUT", path, headers, '{"value": ' .. (1 + sent % 5) .. '}')
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("\nRESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
