-- The arithmetic of slots.py inside Redis, step by step the same: see there for what it means.
-- KEYS[1]: the state. ARGV: what to do, limit, window in seconds, time in seconds ('' for the server's),
-- how long the key lives in milliseconds, then what the operation takes.
-- Returns text, for Redis would cut numbers to integers.

local RECHECKS_PER_WINDOW = 4
local SHORTEST_WAIT_SECONDS = 0.0001
local GRACE_OF_WINDOW = 0.25
local LONGEST_PAUSE_WINDOWS = 3
local LONGEST_LEASE_SECONDS = 3600

local operation, limit, window, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local CLOCK, ANCHOR, READ, PAUSED_UNTIL, BUSY, FLYING, WAITING, REFUSED = 1, 2, 3, 4, 5, 6, 7, 8

local function fresh(all_used)
  local busy = {}
  for slot = 1, all_used and limit or 0 do busy[slot] = window end
  return {0, 0, now, 0, busy, {}, {}, 0}
end

-- An older version did not count them.
local function refused_hits(state)
  return state[REFUSED] or 0
end

local function reset(state)
  local busy = {}
  for slot = 1, limit do busy[slot] = state[CLOCK] + window end
  return {state[CLOCK], state[ANCHOR], state[READ], state[CLOCK], busy, {}, {}, refused_hits(state)}
end

local function only(items, keep)
  local kept = {}
  for _, item in ipairs(items) do
    if keep(item) then kept[#kept + 1] = item end
  end
  return kept
end

local function comes_before(item, numbers)
  for index, number in ipairs(numbers) do
    if item[index] ~= number then return item[index] < number end
  end
  return false
end

-- The first place in a sorted list, from 1, that does not come before these numbers.
local function place_of(items, numbers)
  local low, high = 1, #items + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if comes_before(items[middle], numbers) then low = middle + 1 else high = middle end
  end
  return low
end

local function advance(state)
  local told = state[ANCHOR] + (now - state[READ])
  local clock = math.max(told, state[CLOCK])
  if told < state[CLOCK] then state[ANCHOR], state[READ] = clock, now end
  state[CLOCK] = clock
  local busy, flying = state[BUSY], state[FLYING]
  if busy[1] and busy[1] <= clock then
    state[BUSY] = only(busy, function(counts_until) return counts_until > clock end)
  end
  if flying[1] and flying[1][1] <= clock then
    state[FLYING] = only(flying, function(flight) return flight[1] > clock end)
  end
  state[WAITING] = only(state[WAITING], function(waiter) return waiter[4] >= clock end)
  flying = state[FLYING]
  local latest = clock + LONGEST_LEASE_SECONDS + window
  if #flying > 0 and flying[#flying][1] > latest then
    for _, flight in ipairs(flying) do flight[1] = math.min(latest, flight[1]) end
    table.sort(flying, comes_before)
  end
  state[PAUSED_UNTIL] = math.min(clock + LONGEST_PAUSE_WINDOWS * window, state[PAUSED_UNTIL])
end

local function expected_start(state, position, keep_free)
  local free = limit - #state[BUSY] - #state[FLYING]
  local place, rounds = position + math.min(keep_free, limit - 1), 0
  while place >= limit do
    local taken_by = place - limit
    place, rounds = taken_by + math.min(state[WAITING][taken_by + 1][1], limit - 1), rounds + 1
  end
  local start = state[CLOCK]
  if place >= free then
    local completed_now = state[CLOCK] + window
    local times = {}
    for _, counts_until in ipairs(state[BUSY]) do times[#times + 1] = counts_until end
    for _, flight in ipairs(state[FLYING]) do times[#times + 1] = math.min(flight[1], completed_now) end
    table.sort(times)
    start = times[place - free + 1]
  end
  return math.max(start + rounds * window, state[PAUSED_UNTIL])
end

local function without(flying, holder)
  return only(flying, function(flight) return flight[2] ~= holder end)
end

local function claim(state, holder, since, lease, max_wait, keep_free)
  since = since or state[CLOCK]
  state[FLYING] = without(state[FLYING], holder)
  local waiting = state[WAITING]
  local place = place_of(waiting, {keep_free, since, holder})
  if waiting[place] and waiting[place][3] == holder then table.remove(waiting, place) end
  local expected = expected_start(state, place - 1, keep_free) - state[CLOCK]
  local refused = max_wait and expected > max_wait
  local wait = 0
  if expected <= 0 then
    local counts_until = state[CLOCK] + math.min(LONGEST_LEASE_SECONDS, lease) + window
    table.insert(state[FLYING], place_of(state[FLYING], {counts_until, holder}), {counts_until, holder})
  elseif not refused then
    wait = math.max(SHORTEST_WAIT_SECONDS, math.min(expected, window / RECHECKS_PER_WINDOW))
    table.insert(waiting, place, {keep_free, since, holder, state[CLOCK] + wait + window * GRACE_OF_WINDOW})
  end
  return {since, wait, expected, refused and 1 or 0}
end

local function complete(state, holder)
  state[FLYING] = without(state[FLYING], holder)
  local busy, counts_until = state[BUSY], state[CLOCK] + window
  local place = #busy + 1
  while place > 1 and busy[place - 1] > counts_until do place = place - 1 end
  table.insert(busy, place, counts_until)
end

local function give_back(state, holder)
  state[FLYING] = without(state[FLYING], holder)
  state[WAITING] = only(state[WAITING], function(waiter) return waiter[3] ~= holder end)
end

local function throttle(state, retry_after)
  local pause = math.min(LONGEST_PAUSE_WINDOWS * window, retry_after)
  state[PAUSED_UNTIL] = math.max(state[PAUSED_UNTIL], state[CLOCK] + pause)
  state[REFUSED] = refused_hits(state) + 1
end

local function snapshot(state)
  local paused = math.max(0, state[PAUSED_UNTIL] - state[CLOCK])
  local first_in_line = place_of(state[WAITING], {1}) - 1
  local free = limit - #state[BUSY] - #state[FLYING] - first_in_line
  return {
    paused > 0 and 0 or math.max(0, free), #state[FLYING], #state[WAITING],
    expected_start(state, first_in_line, 0) - state[CLOCK], paused, refused_hits(state),
  }
end

local function kept()
  local stored = redis.call('GET', KEYS[1])
  local state = stored and cmsgpack.unpack(stored) or fresh(ARGV[6] == 'all used')
  advance(state)
  return state, stored
end

local state, stored, result = nil, nil, {}
if operation == 'reset' then
  -- Whatever stands there, also what is no state at all, gives way.
  local readable, found = pcall(kept)
  state = reset(readable and found[CLOCK] < math.huge and found or fresh(false))
  redis.call('DEL', KEYS[1])
else
  state, stored = kept()
end
if operation == 'claim' then
  result = claim(state, tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]))
elseif operation == 'complete' then
  complete(state, tonumber(ARGV[7]))
elseif operation == 'give_back' then
  give_back(state, tonumber(ARGV[7]))
elseif operation == 'throttle' then
  throttle(state, tonumber(ARGV[7]) or math.huge)
elseif operation ~= 'reset' then
  result = snapshot(state)
end

-- A look keeps what it saw of the clock, but makes no key where there is none.
if stored or operation ~= 'snapshot' then
  redis.call('SET', KEYS[1], cmsgpack.pack(state), 'PX', ARGV[5])
end
for index, number in ipairs(result) do result[index] = string.format('%.17g', number) end
return result
