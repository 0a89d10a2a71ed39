-- Sends requests that Python has written down, each in its turn, and prints what came of them as JSON.
-- The file holds, for each of them, its length, a line's end, and what goes over the wire.

local requests, next_one = {}, 0

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    while true do
        local length = file:read("*n")
        if not length then break end
        file:read(1)
        requests[#requests + 1] = file:read(length)
    end
    file:close()
end

function request()
    next_one = next_one % #requests + 1
    return requests[next_one]
end

function done(summary, latency)
    local errors = summary.errors
    print(string.format(
        '{"requests": %d, "microseconds": %d, "failed": %d, "p50": %.1f, "p99": %.1f, "longest": %.1f}',
        summary.requests, summary.duration,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50), latency:percentile(99), latency.max
    ))
end
