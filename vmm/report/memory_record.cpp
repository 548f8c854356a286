#include "report/memory_record.hpp"

namespace twofold::vmm::record {

namespace {

void add(Swap& all, Swap const& one) {
    all.pages += one.pages;
    all.used_most += one.used_most;
    all.written += one.written;
    all.read += one.read;
    all.split += one.split;
    if (all.error.empty()) all.error = one.error;
}

} // namespace

void add(Memory& all, Memory const& one) {
    all.frames += one.frames;
    all.frames_limit += one.frames_limit;
    all.promised_most += one.promised_most;
    all.reclaimed += one.reclaimed;
    all.reclaims += one.reclaims;
    all.reclaim_ticks += one.reclaim_ticks;
    if (!all.swap) {
        all.swap = one.swap;
    } else if (one.swap) {
        add(*all.swap, *one.swap);
    }
}

} // namespace twofold::vmm::record
