#include "guest/kit/memory.hpp"

#include "guest/kit/launch.hpp"

namespace twofold::guest {

namespace {

/// Bytes taken from LaunchInfo::free_begin on.
constinit std::uint64_t taken = 0;

} // namespace

std::optional<Gpa> allocate_pages(std::uint64_t count, std::uint64_t alignment) {
    std::uint64_t const memory = launch().memory_bytes;
    std::uint64_t const next = launch().free_begin + taken;
    std::uint64_t const first = (next + alignment - 1) & ~(alignment - 1);
    if (first < next || first > memory || count > (memory - first) / page_4k.bytes())
        return std::nullopt;
    taken = first + count * page_4k.bytes() - launch().free_begin;
    return Gpa{first};
}

std::uint64_t pages_left() {
    return (launch().memory_bytes - launch().free_begin - taken) / page_4k.bytes();
}

} // namespace twofold::guest
