export class Decision {
  kind = 0;
  lifetimeSec = 0;
}
