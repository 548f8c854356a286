#include "kvm/mapping.hpp"

#include "system/failure.hpp"

#include <cerrno>

namespace twofold::vmm::kvm {

Mapping Mapping::make(std::size_t bytes, int protection, int flags, int descriptor,
                      char const* what, std::uint64_t offset) {
    void* const begin =
        mmap(nullptr, bytes, protection, flags, descriptor, static_cast<off_t>(offset));
    if (begin == MAP_FAILED) throw SystemFailure{what, errno};
    Mapping mapping;
    mapping.begin_ = begin;
    mapping.bytes_ = bytes;
    return mapping;
}

} // namespace twofold::vmm::kvm
