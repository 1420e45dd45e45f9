-- Ask for each user's recommendations once, in a random order; users are numbered from 1.
local n_users = tonumber(os.getenv("N_USERS"))
local order, asked = {}, 0
math.randomseed(tonumber(os.getenv("SEED")))
for user = 1, n_users do order[user] = user end
for user = n_users, 2, -1 do
  local other = math.random(user)
  order[user], order[other] = order[other], order[user]
end

request = function()
  asked = asked % n_users + 1
  return wrk.format("GET", "/v1/users/" .. order[asked] .. "/recommendations")
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("\nRESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
