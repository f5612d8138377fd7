// SPDX-License-Identifier: Apache-2.0
#ifndef VARVE_CARCHIVE_SHIM_H
#define VARVE_CARCHIVE_SHIM_H

#include <archive.h>
#include <archive_entry.h>

#endif
