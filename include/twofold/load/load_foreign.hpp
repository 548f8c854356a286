// A kernel of another's making, by whichever boot protocol it is made for.
#pragma once

#include <twofold/load/boot_protocol.hpp>
#include <twofold/load/load_linux.hpp>
#include <twofold/load/load_multiboot.hpp>
#include <twofold/load/load_pvh.hpp>
#include <twofold/load/load_raw.hpp>

#include <cstddef>
#include <span>

namespace twofold {

/// Loads `file` by `protocol`, which is not BootProtocol::family: that one's kernels are told more
/// (load_guest.hpp), and get LoadErrorKind::not_a_kernel here. `place` is for raw images. Promises
/// what load_multiboot does.
template <GuestMemory M>
[[nodiscard]] LoadedKernel<M> load_foreign(std::span<std::byte const> file, BootProtocol protocol,
                                           RawPlace const& place, BootOptions const& options,
                                           M& memory) {
    switch (protocol) {
    case BootProtocol::multiboot: return load_multiboot(file, options, memory);
    case BootProtocol::pvh: return load_pvh(file, options, memory);
    case BootProtocol::linux_kernel: return load_linux(file, options, memory);
    case BootProtocol::raw: return load_raw(file, place, options, memory);
    case BootProtocol::family: break;
    }
    return std::unexpected(
        LoadFailure<GuestMemoryError<M>>{LoadError{.kind = LoadErrorKind::not_a_kernel}});
}

} // namespace twofold
