#include "kvm/host_leaves.hpp"

#include "system/file_descriptor.hpp"

#include <twofold/arch/bits.hpp>

#include <fcntl.h>
#include <sys/ioctl.h>

#include <array>

namespace twofold::vmm::kvm {

namespace {

// <linux/fs.h> of Linux 6.7 (pm_scan_arg, page_region), which older distributions' headers lack.

struct Region {
    std::uint64_t start;
    std::uint64_t end;
    std::uint64_t categories;
};
struct Scan {
    std::uint64_t size;
    std::uint64_t flags;
    std::uint64_t start;
    std::uint64_t end;
    std::uint64_t walked_to;
    std::uint64_t regions;
    std::uint64_t most_regions;
    std::uint64_t most_pages;
    std::uint64_t inverted;
    std::uint64_t all_of;
    std::uint64_t any_of;
    std::uint64_t told;
};
static_assert(sizeof(Scan) == 96 && sizeof(Region) == 24);

constexpr std::uint64_t present = bit(3);
constexpr std::uint64_t huge = bit(6);
constexpr unsigned long scan_pages = _IOWR('f', 16, Scan);

} // namespace

std::optional<HostLeaves> count_host_leaves(std::span<std::byte const> memory, PageSize large) {
    FileDescriptor const map{open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)};
    std::array<Region, 64> regions;
    auto const begin = reinterpret_cast<std::uint64_t>(memory.data());
    Scan scan{.size = sizeof(Scan),
              .flags = 0,
              .start = begin,
              .end = begin + memory.size(),
              .walked_to = 0,
              .regions = reinterpret_cast<std::uint64_t>(regions.data()),
              .most_regions = regions.size(),
              .most_pages = 0,
              .inverted = 0,
              .all_of = present,
              .any_of = 0,
              .told = present | huge};
    HostLeaves leaves;
    for (; scan.start < scan.end; scan.start = scan.walked_to) {
        int const found = ioctl(map.get(), scan_pages, &scan);
        if (found < 0) return std::nullopt;
        for (Region const& region : std::span{regions}.first(static_cast<std::size_t>(found))) {
            bool const is_large = (region.categories & huge) != 0;
            (is_large ? leaves.large : leaves.small) +=
                (region.end - region.start) / (is_large ? large : page_4k).bytes();
        }
    }
    return leaves;
}

} // namespace twofold::vmm::kvm
