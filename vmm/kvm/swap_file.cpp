#include "kvm/swap_file.hpp"

#include <twofold/arch/page_size.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace twofold::vmm::kvm {

namespace {
off_t place_of(SwapSlot slot) { return static_cast<off_t>(slot * page_4k.bytes()); }
} // namespace

SwapFile::SwapFile(std::uint64_t bytes) : file_(make_nameless_file(bytes)) {
    statistics_.pages = bytes / page_4k.bytes();
}

std::expected<SwapSlot, std::string> SwapFile::store(std::span<std::byte const> page) {
    SwapSlot slot = never_used_;
    if (!free_.empty()) {
        slot = free_.back();
    } else if (never_used_ == statistics_.pages) {
        return std::unexpected("the swap file is full: give a larger --swap");
    }
    auto const written = pwrite(file_.get(), page.data(), page.size(), place_of(slot));
    if (written != static_cast<ssize_t>(page.size())) {
        statistics_.error = written < 0 ? std::strerror(errno) : std::strerror(ENOSPC);
        return std::unexpected("the swap file can't be written: " + statistics_.error);
    }
    if (free_.empty()) {
        ++never_used_;
    } else {
        free_.pop_back();
    }
    ++statistics_.written;
    statistics_.used_most =
        std::max<std::uint64_t>(statistics_.used_most, never_used_ - free_.size());
    return slot;
}

bool SwapFile::load(SwapSlot slot, std::span<std::byte> page) {
    auto const got = pread(file_.get(), page.data(), page.size(), place_of(slot));
    if (got != static_cast<ssize_t>(page.size())) {
        statistics_.error = got < 0 ? std::strerror(errno) : "it was cut off";
        return false;
    }
    ++statistics_.read;
    forget(slot);
    return true;
}

} // namespace twofold::vmm::kvm
