#include "kvm/unknown_io.hpp"

#include <twofold/arch/page_size.hpp>

#include <fmt/format.h>

namespace twofold::vmm::kvm {

namespace {

/// A guest that scans all ports must not fill the report.
constexpr std::size_t most_places = 64;

constexpr char const* way_on = "--unknown-io ignore or warn would let it go on";

} // namespace

void UnknownAccesses::note(std::string const& place, bool read, std::uint64_t count) {
    if (places_.size() >= most_places && !places_.contains(place)) return;
    auto& uses = places_[place];
    (read ? uses.reads : uses.writes) += count;
}

std::optional<Stop> UnknownAccesses::answer(PortAccess const& access) {
    ports_ += access.count;
    if (policy_ == UnknownIo::stop)
        return Stop{"unknown_port", 1,
                    fmt::format("{} port {:#x}, {} bytes wide, where there is no device; {}",
                                access.in ? "IN from" : "OUT to", access.port, access.size,
                                way_on)};
    if (policy_ == UnknownIo::warn)
        note(fmt::format("port {:#x}", access.port), access.in, access.count);
    if (access.in) access.fill(0xff);
    return std::nullopt;
}

std::optional<Stop> UnknownAccesses::answer(MemoryAccess const& access) {
    ++memory_;
    if (policy_ == UnknownIo::stop || policy_ == UnknownIo::by_kind)
        return Stop{"outside_memory", 1,
                    fmt::format("a {} gpa {:#x}: the guest's memory ends at {:#x}",
                                access.read ? "read of" : "write to", access.gpa.value(),
                                memory_bytes_)};
    if (policy_ == UnknownIo::warn)
        note(fmt::format("gpa {:#x}", access.gpa.aligned_down(page_4k.bytes()).value()),
             access.read, 1);
    if (access.read) std::memset(access.data, 0xff, access.size);
    return std::nullopt;
}

} // namespace twofold::vmm::kvm
