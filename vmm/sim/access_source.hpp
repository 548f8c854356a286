// Where a simulation's accesses come from.
#pragma once

#include <twofold/arch/access.hpp>
#include <twofold/arch/address.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

namespace twofold::vmm {

struct TraceAccess {
    Gva gva;
    Access access = Access::read;

    friend bool operator==(TraceAccess const&, TraceAccess const&) = default;
};

/// A stream of accesses, of any length, read in batches: nothing of it is kept.
class AccessSource {
  public:
    virtual ~AccessSource() = default;
    /// Fills `batch` from the front and returns how many there are; 0 at the end. Throws Failure
    /// for what can't be read.
    virtual std::size_t next(std::span<TraceAccess> batch) = 0;
};

/// Opens the stream anew: each simulation reads its own.
using OpenSource = std::function<std::unique_ptr<AccessSource>()>;

} // namespace twofold::vmm
