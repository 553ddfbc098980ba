/*
 * pp_trie.h
 *		Two binary formats of old agents: nodes in pre-order, no header.
 *
 *		node := uvarint name length, name, uvarint value, uvarint children, children
 */
#ifndef PP_TRIE_H
#define PP_TRIE_H

#include "core/pp_formats.h"

/*
 * Names are fragments, which joined from the root make a folded stack; a node
 * with a value is a sample.  Input may end behind any node; nodes behind the
 * last one announced are children of the root.
 */
extern PpFormatReader pp_trie_read;

/*
 * Names are frames (a ";" in one makes two), values those of the node itself, the
 * root has no name.  All nodes that are announced must be there; bytes behind
 * them are ignored.
 */
extern PpFormatReader pp_tree_read;

#endif
