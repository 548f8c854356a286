#include "kvm/kernel_statistics.hpp"

#include "kvm/kvm_api.hpp"
#include "system/file_descriptor.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace twofold::vmm::kvm {

namespace {

/// "pf": page faults of the second dimension, as KVM's documentation names them.
constexpr std::array<std::string_view, 14> told{
    "exits",    "io_exits", "mmio_exits", "halt_exits", "irq_exits", "insn_emulation", "pf_taken",
    "pf_fixed", "pf_fast",  "pf_emulate", "pf_guest",   "pages_4k",  "pages_2m",       "pages_1g"};

} // namespace

void add_kernel_statistics(int descriptor, std::map<std::string, std::uint64_t>& counts) {
    FileDescriptor const file{ioctl(descriptor, KVM_GET_STATS_FD, 0)};
    kvm_stats_header header{};
    if (!file.open() || pread(file.get(), &header, sizeof header, 0) != sizeof header) return;
    std::size_t const step = sizeof(kvm_stats_desc) + header.name_size;
    std::vector<std::byte> descriptions(step * header.num_desc);
    auto const got =
        pread(file.get(), descriptions.data(), descriptions.size(), header.desc_offset);
    if (got != static_cast<ssize_t>(descriptions.size())) return;
    for (std::size_t at = 0; at < descriptions.size(); at += step) {
        auto const* const one = reinterpret_cast<kvm_stats_desc const*>(&descriptions[at]);
        std::string_view const name{one->name};
        std::uint64_t value = 0;
        if (std::ranges::find(told, name) == told.end()) continue;
        if (pread(file.get(), &value, sizeof value, header.data_offset + one->offset) > 0)
            counts[std::string{name}] += value;
    }
}

} // namespace twofold::vmm::kvm
