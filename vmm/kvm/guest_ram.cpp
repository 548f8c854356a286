#include "kvm/guest_ram.hpp"

#include "system/failure.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace twofold::vmm::kvm {

namespace {

constexpr int read_write = PROT_READ | PROT_WRITE;
constexpr int without_reserve = MAP_PRIVATE | MAP_NORESERVE;

/// The part of `mapping` of `bytes` that begins at a multiple of `page`.
std::span<std::byte> aligned_part(Mapping const& mapping, std::uint64_t bytes, PageSize page) {
    auto const begin = reinterpret_cast<std::uintptr_t>(mapping.begin());
    std::uintptr_t const up = (begin + page.bytes() - 1) / page.bytes() * page.bytes();
    return mapping.span().subspan(up - begin, bytes);
}

Mapping map_reserved_huge_pages(std::uint64_t bytes) {
    try {
        return Mapping::make(bytes, read_write,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1,
                             "can't map pages of 1G");
    } catch (SystemFailure const& failure) {
        throw Failure{
            fmt::format("{}; the kernel must hold {} of them in reserve (/sys/kernel/mm/hugepages/"
                        "hugepages-1048576kB/nr_hugepages), or choose --host-page 2m or 4k",
                        failure.what(), bytes >> page_1g.shift())};
    }
}

} // namespace

GuestRam GuestRam::zeroed(std::uint64_t bytes, PageSize page) {
    if (page == page_1g) {
        auto mapping = map_reserved_huge_pages(bytes);
        auto const part = mapping.span();
        return {std::move(mapping), part, page};
    }
    bool const huge = page == page_2m;
    auto mapping = Mapping::make(bytes + (huge ? page.bytes() : 0), read_write,
                                 without_reserve | MAP_ANONYMOUS, -1, "can't map guest memory");
    auto const part = aligned_part(mapping, bytes, page);
    // Fails where the kernel was built without huge pages, and then there is nothing to choose.
    (void)madvise(part.data(), part.size(), huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return {std::move(mapping), part, page};
}

GuestRam GuestRam::copy_of(FileDescriptor const& file, std::uint64_t bytes, std::uint64_t offset) {
    auto mapping = Mapping::make(bytes, read_write, without_reserve, file.get(),
                                 "can't map a copy of guest memory", offset);
    auto const part = mapping.span();
    return {std::move(mapping), part, page_4k};
}

GuestRam GuestRam::shared(FileDescriptor const& file, std::uint64_t bytes) {
    auto mapping =
        Mapping::make(bytes, read_write, MAP_SHARED, file.get(), "can't map guest memory");
    auto const part = mapping.span();
    return {std::move(mapping), part, page_4k};
}

std::expected<void, OutsideRam> GuestRam::write(Gpa gpa, std::span<std::byte const> from) {
    if (!holds(gpa, from.size())) return std::unexpected(OutsideRam{});
    std::ranges::copy(from, bytes_.begin() + static_cast<std::ptrdiff_t>(gpa.value()));
    return {};
}

std::expected<void, OutsideRam> GuestRam::read(Gpa gpa, std::span<std::byte> to) const {
    if (!holds(gpa, to.size())) return std::unexpected(OutsideRam{});
    std::ranges::copy(bytes_.subspan(gpa.value(), to.size()), to.begin());
    return {};
}

std::expected<void, OutsideRam> GuestRam::zero(Gpa gpa, std::uint64_t bytes) {
    if (!holds(gpa, bytes)) return std::unexpected(OutsideRam{});
    std::ranges::fill(bytes_.subspan(gpa.value(), bytes), std::byte{0});
    return {};
}

void GuestRam::populate() {
    if (madvise(bytes_.data(), bytes_.size(), MADV_POPULATE_WRITE) != 0)
        throw SystemFailure{fmt::format("can't give the guest its {} MiB beforehand; choose a "
                                        "smaller --memory, or --populate lazy",
                                        bytes_.size() >> 20),
                            errno};
}

void GuestRam::discard() {
    if (madvise(bytes_.data(), bytes_.size(), MADV_DONTNEED) != 0)
        throw SystemFailure{"can't give guest memory back", errno};
}

std::uint64_t GuestRam::resident_pages() const {
    std::vector<unsigned char> resident(bytes_.size() / page_4k.bytes());
    if (mincore(bytes_.data(), bytes_.size(), resident.data()) != 0) return 0;
    return static_cast<std::uint64_t>(
        std::ranges::count_if(resident, [](unsigned char one) { return (one & 1) != 0; }));
}

std::vector<std::uint64_t> GuestRam::page_map() const {
    FileDescriptor const map{open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)};
    std::uint64_t const pages = bytes_.size() / page_4k.bytes();
    std::vector<std::uint64_t> entries(pages);
    auto const at = reinterpret_cast<std::uintptr_t>(bytes_.data()) / page_4k.bytes() * 8;
    if (pread(map.get(), entries.data(), pages * 8, static_cast<off_t>(at)) < 0) entries.clear();
    return entries;
}

std::uint64_t GuestRam::private_pages() const {
    // "pagemap" of Linux's admin guide: bit 63 present, bit 61 page of a file or shared.
    return static_cast<std::uint64_t>(std::ranges::count_if(page_map(), [](std::uint64_t entry) {
        return (entry >> 63 & 1) != 0 && (entry >> 61 & 1) == 0;
    }));
}

std::vector<std::uint64_t> GuestRam::touched_pages() const {
    auto const entries = page_map();
    std::vector<std::uint64_t> touched;
    for (std::uint64_t page = 0; page < entries.size(); ++page)
        if ((entries[page] >> 63 & 1) != 0) touched.push_back(page);
    return touched;
}

} // namespace twofold::vmm::kvm
