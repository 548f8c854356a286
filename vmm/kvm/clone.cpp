#include "kvm/clone.hpp"

#include "system/failure.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <numeric>

namespace twofold::vmm::kvm {

namespace {

FileDescriptor memory_file_of(std::uint64_t bytes) {
    FileDescriptor file{memfd_create("guest template", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (!file.open() || ftruncate(file.get(), static_cast<off_t>(bytes)) != 0)
        throw SystemFailure{"can't make a file in memory for a template", errno};
    return file;
}

bool all_zero(std::span<std::byte const> page) {
    return std::ranges::all_of(page, [](std::byte byte) { return byte == std::byte{0}; });
}

void write_page(FileDescriptor const& file, std::uint64_t at, std::span<std::byte const> page) {
    // Not through a mapping: there a machine without memory kills who writes.
    if (pwrite(file.get(), page.data(), page.size(), static_cast<off_t>(at)) !=
        static_cast<ssize_t>(page.size()))
        throw SystemFailure{"can't keep a template of the guest in memory", errno};
}

/// Numbers of the pages in which `memory` may hold something.
std::vector<std::uint64_t> pages_of(GuestRam const& memory, Template const* below,
                                    std::span<std::uint64_t const> elsewhere) {
    std::vector<std::uint64_t> own;
    std::ranges::set_union(memory.touched_pages(), elsewhere, std::back_inserter(own));
    if (below == nullptr) return own;
    std::vector<std::uint64_t> all;
    if (below->snapshot() != nullptr) {
        all.resize(memory.bytes().size() / page_4k.bytes());
        std::iota(all.begin(), all.end(), 0);
        return all;
    }
    std::ranges::set_union(own, below->pages(), std::back_inserter(all));
    return all;
}

} // namespace

Template::Template(GuestRam const& memory, SnapshotHead head, Template const* below,
                   std::span<std::uint64_t const> elsewhere)
    : head_(std::move(head)), memory_(memory_file_of(memory.bytes().size())) {
    head_.memory_bytes = memory.bytes().size();
    for (std::uint64_t const number : pages_of(memory, below, elsewhere)) {
        std::uint64_t const at = number * page_4k.bytes();
        auto const page = memory.bytes().subspan(at, page_4k.bytes());
        if (all_zero(page)) continue;
        write_page(memory_, at, page);
        pages_.push_back(number);
    }
    (void)fcntl(memory_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

Template::Template(SnapshotFile snapshot) : snapshot_(std::move(snapshot)) {}

GuestRam Template::map() const {
    return snapshot_ ? snapshot_->map_memory() : GuestRam::copy_of(memory_, memory_bytes());
}

void Template::map_over(GuestRam& memory) const {
    if (snapshot_) return memory.become_copy_of(snapshot_->file(), snapshot_->memory_offset());
    memory.become_copy_of(memory_);
}

Clone::Clone(Template const& from, EmptyMachine machine)
    : from_(from), ram_(from.map()), machine_(std::move(machine)) {
    machine_.machine.set_slot(0, Gpa{}, ram_.bytes());
    machine_.go_on_from(from_.head());
}

void Clone::reset() {
    ram_.discard();
    machine_.go_on_from(from_.head());
}

} // namespace twofold::vmm::kvm
