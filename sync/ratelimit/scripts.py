"""The Lua that Redis runs: everything of one call in one step, on Redis's own clock.

Times are doubles, microseconds since 2025, so that a fraction of a microsecond survives. A bucket is one hash:

======== ===========================================================================================================
field    meaning
======== ===========================================================================================================
next     when the oldest token not yet taken came to be, or will
seen     Redis's clock when the hash was last written; a clock that went back is noticed by it
run      the server's run id; another one means that the hash may be older than what was granted last
pause    nothing before this time: the remote's wish
left     calls that the remote said it would still take before ``till``
told     when the last lesson was learnt
cold     since when a counted window waits for its journal
<number> calls in this segment (windows of an hour and more)
======== ===========================================================================================================

KEYS[1] is the connection's own hash, with lessons only; the others are the buckets. ARGV: run id, slack, then what the
script needs, then six values a bucket: counted, step, span, burst, limit, seeds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

PRELUDE = """
local EPOCH, SECOND = 1735689600, 1000000
local clock = redis.call('TIME')
local now = (tonumber(clock[1]) - EPOCH) * SECOND + tonumber(clock[2])
local run, slack = ARGV[1], tonumber(ARGV[2])

local function exact(number) return string.format('%.17g', number) end

local function fields(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

local function lessons(b, hash)
  local back = math.max(0, (tonumber(hash.told) or 0) - now)
  b.pause = (tonumber(hash.pause) or 0) - back
  b.left, b.till = tonumber(hash.left) or 0, (tonumber(hash.till) or 0) - back
  b.spent = 0
  return b
end

local function load(i, first)
  local at = first + (i - 2) * 6
  local b = {key = KEYS[i], counted = ARGV[at] == '1', step = tonumber(ARGV[at + 1]), span = tonumber(ARGV[at + 2]),
             burst = tonumber(ARGV[at + 3]), limit = tonumber(ARGV[at + 4]), seeds = ARGV[at + 5]}
  local hash = fields(b.key)
  local same = run == '' or (hash.run or '') == '' or hash.run == run
  b.cold = tonumber(hash.cold)
  b.known = hash.seen ~= nil and same and not b.cold
  -- A clock that went back: what was in the future stays as far away as it was.
  b.next = (tonumber(hash.next) or 0) - math.max(0, (tonumber(hash.seen) or 0) - now)
  if b.counted then
    b.count, b.changed, b.stale = {}, {}, {}
    local oldest = math.floor((now - b.span) / b.step)
    for name, value in pairs(hash) do
      local segment = tonumber(name)
      if segment and segment >= oldest then b.count[segment] = tonumber(value)
      elseif segment then b.stale[#b.stale + 1] = name end
    end
  end
  return lessons(b, hash)
end

-- The first time at or after `at` when fewer than `limit` calls lie in the segments that a window ending then touches.
local function room(b, at)
  while true do
    local oldest = math.floor((at - b.span) / b.step)
    if oldest ~= b.oldest then
      b.oldest, b.used, b.first = oldest, 0, nil
      for segment, calls in pairs(b.count) do
        if segment >= oldest and calls > 0 then
          b.used = b.used + calls
          if not b.first or segment < b.first then b.first = segment end
        end
      end
    end
    if b.used < b.limit then return at end
    at = (b.first + 1) * b.step + b.span + 1
  end
end

local function earliest(b, at)
  at = math.max(at, b.pause)
  if at < b.till and b.left - b.spent <= 0 then at = b.till end
  if b.counted then return room(b, math.max(at, b.hold or 0)) end
  return math.max(at, b.next or 0)
end
"""

TAKE = """
local n, horizon, furthest, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local mode, shaken = ARGV[7], ARGV[8] == '1'
local buckets = {}
for i = 2, #KEYS do
  buckets[#buckets + 1] = load(i, 9)
end

-- Somebody has to ask the journal what Redis does not know, unless it is too early for the journal to know.
for _, b in ipairs(buckets) do
  if shaken then b.known = false end
  local early = b.cold and now < b.cold + furthest + slack
  if mode == 'ask' and not b.known and not early then return {'ask'} end
end

-- Counts from the journal: "age:calls age:calls". Never fewer than what the hash still holds.
local function sow(b)
  local sown = {}
  for age, calls in string.gmatch(b.seeds, '(%d+):(%d+)') do
    local segment = math.floor((now - tonumber(age)) / b.step)
    sown[segment] = (sown[segment] or 0) + tonumber(calls)
  end
  for segment, calls in pairs(sown) do
    b.count[segment] = math.max(b.count[segment] or 0, calls)
    b.changed[segment] = true
  end
end

-- Tokens that were granted before Redis forgot may be dated up to `furthest` from now: they pass first.
local held = false
for _, b in ipairs(buckets) do
  if not b.known then
    local quiet = mode == 'told' and b.seeds == ''
    if not b.counted then
      b.next = math.max(b.next, now + b.step + (quiet and 0 or furthest))
    elseif mode == 'told' and not quiet and not b.cold then
      b.cold = now
    elseif not (b.cold and now < b.cold + furthest + slack) then
      if mode == 'told' then sow(b) end
      b.cold = nil
    end
    if b.counted and b.cold then b.hold, held = b.cold + furthest + slack, true end
    b.touched = true
  end
end

local credit = 0
for _, b in ipairs(buckets) do
  if not b.counted then
    local over = now - (b.burst - 1) * b.step - b.next
    if over > credit and over <= most then credit = over end
  end
end

local gate = lessons({key = KEYS[1]}, fields(KEYS[1]))
local last, at, times = now + math.min(furthest, horizon), now - credit, {}
while true do
  at = earliest(gate, at)
  for _, b in ipairs(buckets) do at = earliest(b, at) end
  if #times == n or at > last or held then break end
  times[#times + 1] = string.format('%.0f', math.ceil(at - now))
  if at < gate.till then gate.spent = gate.spent + 1 end
  for _, b in ipairs(buckets) do
    if at < b.till then b.spent = b.spent + 1 end
    if b.counted then
      local segment = math.floor(at / b.step)
      b.count[segment] = (b.count[segment] or 0) + 1
      b.used, b.changed[segment] = b.used + 1, true
      if not b.first or segment < b.first then b.first = segment end
    else
      b.next = math.max(b.next, at - (b.burst - 1) * b.step) + b.step
    end
  end
end

if gate.spent > 0 then redis.call('HINCRBY', gate.key, 'left', -gate.spent) end
for _, b in ipairs(buckets) do
  if #times > 0 or b.touched then
    local new = {'seen', exact(now), 'run', run}
    if not b.counted then new[5], new[6] = 'next', exact(b.next) end
    if b.cold then new[#new + 1] = 'cold'; new[#new + 1] = exact(b.cold) end
    for segment in pairs(b.changed or {}) do
      new[#new + 1] = string.format('%.0f', segment); new[#new + 1] = string.format('%.0f', b.count[segment])
    end
    redis.call('HSET', b.key, unpack(new))
    if b.touched and not b.cold then redis.call('HDEL', b.key, 'cold') end
    if b.stale and #b.stale > 0 then redis.call('HDEL', b.key, unpack(b.stale)) end
    if b.spent > 0 then redis.call('HINCRBY', b.key, 'left', -b.spent) end
  end
end
return {'taken', exact(now), string.format('%.0f', math.max(0, math.ceil(at - now))), table.concat(times, ' ')}
"""

LOOK = """
local horizon = tonumber(ARGV[3])

local function used(b, at)
  local calls = 0
  for segment, count in pairs(b.count or {}) do
    if segment >= math.floor((at - b.span) / b.step) then calls = calls + count end
  end
  return calls
end

local function line(b, known)
  return table.concat({known and 1 or 0, exact((b.next or now) - now), exact(b.pause - now), b.left,
                       exact(b.till - now), used(b, now), used(b, now + horizon), exact(earliest(b, now) - now)}, ' ')
end

local seen = {line(lessons({key = KEYS[1]}, fields(KEYS[1])), true)}
for i = 2, #KEYS do
  local b = load(i, 4)
  if b.cold then b.hold = b.cold + SECOND + slack end
  seen[i] = line(b, b.known)
end
return seen
"""

LEARN = """
local pause, left, till = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
for i = 1, #KEYS do
  local known = lessons({}, fields(KEYS[i]))
  local new = {'told', exact(now), 'pause', exact(known.pause), 'till', exact(known.till)}
  if pause then new[4] = exact(math.max(known.pause, now + pause)) end
  if till then
    new[6] = exact(now + till)
    new[7], new[8] = 'left', left
  end
  redis.call('HSET', KEYS[i], unpack(new))
end
return #KEYS
"""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and its SHA-1, by which Redis keeps it."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        # Redis names scripts by SHA-1; nothing here depends on its strength.
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())


take = Script(PRELUDE + TAKE)
look = Script(PRELUDE + LOOK)
learn = Script(PRELUDE + LEARN)
