#include "sim/sparse_memory.hpp"

#include "system/failure.hpp"

#include <sys/mman.h>

#include <cerrno>

namespace twofold::vmm {

SparseMemory::SparseMemory() {
    void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        throw SystemFailure{"can't reserve 1 TiB of address space for simulated memory", errno};
    base_ = static_cast<std::byte*>(at);
}

SparseMemory::~SparseMemory() { munmap(base_, bytes); }

} // namespace twofold::vmm
