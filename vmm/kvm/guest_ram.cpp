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

Mapping map_reserved_huge_pages(std::uint64_t bytes, PageSize page) {
    bool const small = page == page_2m;
    try {
        return Mapping::make(bytes, read_write,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
                                 (small ? MAP_HUGE_2MB : MAP_HUGE_1GB),
                             -1, small ? "can't map pages of 2M" : "can't map pages of 1G");
    } catch (SystemFailure const& failure) {
        throw Failure{fmt::format(
            "{}; the kernel must hold {} of them in reserve that nobody uses (echo {} > "
            "/sys/kernel/mm/hugepages/hugepages-{}kB/nr_hugepages), or choose --host-page {}",
            failure.what(), bytes >> page.shift(), bytes >> page.shift(), page.bytes() >> 10,
            small ? "2m with --host-memory thp, or 4k" : "2m or 4k")};
    }
}

Mapping map_file_in_memory(std::uint64_t bytes) {
    FileDescriptor const file{memfd_create("guest memory", MFD_CLOEXEC)};
    if (!file.open() || ftruncate(file.get(), static_cast<off_t>(bytes)) != 0)
        throw SystemFailure{"can't make a file in memory for the guest", errno};
    return Mapping::make(bytes, read_write, MAP_SHARED | MAP_NORESERVE, file.get(),
                         "can't map guest memory");
}

std::uint64_t present_pages(std::vector<std::uint64_t> const& entries, bool of_file) {
    return static_cast<std::uint64_t>(std::ranges::count_if(entries, [=](std::uint64_t entry) {
        return PageMap::is_present(entry) && PageMap::is_of_file(entry) == of_file;
    }));
}

} // namespace

void PageMap::open() {
    if (!file_.open()) file_ = FileDescriptor{::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)};
}

std::vector<std::uint64_t> PageMap::entries(std::span<std::byte const> memory) const {
    std::uint64_t const pages = memory.size() / page_4k.bytes();
    std::vector<std::uint64_t> entries(pages);
    auto const at = reinterpret_cast<std::uintptr_t>(memory.data()) / page_4k.bytes() * 8;
    if (pread(file_.get(), entries.data(), pages * 8, static_cast<off_t>(at)) < 0) entries.clear();
    return entries;
}

GuestRam GuestRam::zeroed(std::uint64_t bytes, PageSize page, HostMemory kind) {
    bool const in_file = kind == HostMemory::memfd;
    if (in_file || kind == HostMemory::hugetlbfs) {
        auto mapping = in_file ? map_file_in_memory(bytes) : map_reserved_huge_pages(bytes, page);
        auto const part = mapping.span();
        GuestRam ram{std::move(mapping), part, page};
        ram.in_file_of_its_own_ = in_file;
        return ram;
    }
    bool const huge = kind == HostMemory::thp;
    // Aligned for huge pages in any case: small ones may be joined later.
    auto mapping = Mapping::make(bytes + page_2m.bytes(), read_write,
                                 without_reserve | MAP_ANONYMOUS, -1, "can't map guest memory");
    auto const part = aligned_part(mapping, bytes, page_2m);
    // Fails where the kernel was built without huge pages, and then there is nothing to choose.
    (void)madvise(part.data(), part.size(), huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return {std::move(mapping), part, page};
}

GuestRam GuestRam::copy_of(FileDescriptor const& file, std::uint64_t bytes, std::uint64_t offset) {
    auto mapping = Mapping::make(bytes, read_write, without_reserve, file.get(),
                                 "can't map a copy of guest memory", offset);
    auto const part = mapping.span();
    GuestRam ram{std::move(mapping), part, page_4k};
    ram.file_ = file.get();
    ram.offset_ = offset;
    return ram;
}

void GuestRam::become_copy_of(FileDescriptor const& file, std::uint64_t offset) {
    if (mmap(bytes_.data(), bytes_.size(), read_write, without_reserve | MAP_FIXED, file.get(),
             static_cast<off_t>(offset)) == MAP_FAILED)
        throw SystemFailure{"can't map a copy of guest memory", errno};
    file_ = file.get();
    offset_ = offset;
    in_file_of_its_own_ = false;
    released_ = patched_ = false;
}

bool GuestRam::map_page(std::uint64_t number, FileDescriptor const& file, std::uint64_t offset) {
    auto* const at = bytes_.data() + number * page_4k.bytes();
    if (mmap(at, page_4k.bytes(), read_write, without_reserve | MAP_FIXED, file.get(),
             static_cast<off_t>(offset)) == MAP_FAILED)
        return false;
    return patched_ = true;
}

int GuestRam::giving_back() const { return in_file_of_its_own_ ? MADV_REMOVE : MADV_DONTNEED; }

GuestRam GuestRam::shared(FileDescriptor const& file, std::uint64_t bytes) {
    auto mapping =
        Mapping::make(bytes, read_write, MAP_SHARED, file.get(), "can't map guest memory");
    auto const part = mapping.span();
    return {std::move(mapping), part, page_4k};
}

std::expected<void, OutsideRam> GuestRam::write(Gpa gpa, std::span<std::byte const> from) {
    if (!holds(gpa, from.size())) return std::unexpected(OutsideRam{});
    std::ranges::copy(from, bytes_.begin() + static_cast<std::ptrdiff_t>(gpa.value()));
    if (writes_ != nullptr) note(gpa, from.size());
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
    if (writes_ != nullptr) note(gpa, bytes);
    return {};
}

void GuestRam::note(Gpa gpa, std::uint64_t bytes) {
    std::uint64_t const end = (gpa.value() + bytes + page_4k.bytes() - 1) / page_4k.bytes();
    for (std::uint64_t page = gpa.value() / page_4k.bytes(); page < end; ++page)
        writes_->mark(Gpa{page * page_4k.bytes()});
}

void GuestRam::populate() {
    if (madvise(bytes_.data(), bytes_.size(), MADV_POPULATE_WRITE) != 0)
        throw SystemFailure{fmt::format("can't give the guest its {} MiB beforehand; choose a "
                                        "smaller --memory, or --populate lazy",
                                        bytes_.size() >> 20),
                            errno};
}

std::optional<std::uint64_t> GuestRam::release(Gpa first, std::uint64_t pages) {
    std::uint64_t const length = pages * page_4k.bytes();
    if (!holds(first, length)) return std::nullopt;
    std::byte* const begin = bytes_.data() + first.value();
    std::uint64_t const held = resident_pages({begin, length});
    bool const view = file_ >= 0 || patched_;
    // Where a view gives its pages back, the file's would come to light.
    bool const done = view ? mmap(begin, length, read_write,
                                  without_reserve | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED
                           : madvise(begin, length, giving_back()) == 0;
    if (!done) throw SystemFailure{"can't give guest memory back", errno};
    released_ = released_ || view;
    return held;
}

void GuestRam::discard() {
    if (released_ || patched_) {
        int const more = file_ < 0 ? MAP_ANONYMOUS : 0;
        void* const again =
            mmap(bytes_.data(), bytes_.size(), read_write, without_reserve | MAP_FIXED | more,
                 file_, static_cast<off_t>(offset_));
        if (again == MAP_FAILED) throw SystemFailure{"can't map guest memory again", errno};
        released_ = patched_ = false;
        return;
    }
    if (madvise(bytes_.data(), bytes_.size(), giving_back()) != 0)
        throw SystemFailure{"can't give guest memory back", errno};
}

std::vector<bool> GuestRam::resident(Gpa first, std::uint64_t pages) const {
    auto const part = bytes_.subspan(first.value(), pages * page_4k.bytes());
    std::vector<unsigned char> states(pages);
    if (mincore(part.data(), part.size(), states.data()) != 0) return std::vector<bool>(pages);
    std::vector<bool> resident;
    resident.reserve(pages);
    for (unsigned char const state : states)
        resident.push_back((state & 1) != 0);
    return resident;
}

std::uint64_t GuestRam::resident_pages() const { return resident_pages(bytes_); }

std::uint64_t GuestRam::resident_pages(std::span<std::byte> part) {
    std::vector<unsigned char> resident(part.size() / page_4k.bytes());
    if (mincore(part.data(), part.size(), resident.data()) != 0) return 0;
    return static_cast<std::uint64_t>(
        std::ranges::count_if(resident, [](unsigned char one) { return (one & 1) != 0; }));
}

std::uint64_t GuestRam::private_pages(PageMap const& map) const {
    return present_pages(map.entries(bytes_), false);
}

std::uint64_t GuestRam::shared_pages(PageMap const& map) const {
    return present_pages(map.entries(bytes_), true);
}

std::vector<std::uint64_t> GuestRam::touched_pages() const {
    auto const entries = PageMap{}.entries(bytes_);
    std::vector<std::uint64_t> touched;
    for (std::uint64_t page = 0; page < entries.size(); ++page)
        if (PageMap::has_contents(entries[page])) touched.push_back(page);
    return touched;
}

} // namespace twofold::vmm::kvm
